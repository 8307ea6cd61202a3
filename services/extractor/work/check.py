"""Is the answer what was asked for, and does the document say so?"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Never, cast

import jsonschema_rs
import orjson

from chassis.failures import FailureCode
from extractor.domain.asked import as_asked
from extractor.domain.extraction import DocumentFault, Extraction, JsonSchema
from extractor.domain.grounding import GroundedField, ground
from extractor.domain.pages import ParsedDocument
from extractor.domain.schema import check_schema

PATTERN_BACKTRACKS = 100_000
PATTERN_BYTES = 256 * 1024
SCHEMAS_KEPT = 64
FAULTS_NAMED = 3


@dataclass(frozen=True, slots=True)
class CompiledSchema:
    """A batch's schema, ready to check answers with."""

    schema: JsonSchema
    validator: jsonschema_rs.Draft202012Validator


@dataclass(frozen=True, slots=True)
class Checked:
    """Values that satisfy the schema, and what stands behind each."""

    values: dict[str, Any]
    fields: tuple[GroundedField, ...]

    @property
    def ungrounded(self) -> int:
        """Fields whose quote was not found."""
        return sum(not field.grounded for field in self.fields)


@lru_cache(SCHEMAS_KEPT)
def compile_schema(text: str) -> CompiledSchema:
    """Make a schema ready; it fetches nothing and its patterns cannot run away. Raises DocumentFault."""
    try:
        schema = cast("JsonSchema", orjson.loads(text))
        faults = check_schema(schema)
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            retriever=_refuse,
            pattern_options=jsonschema_rs.FancyRegexOptions(
                backtrack_limit=PATTERN_BACKTRACKS, size_limit=PATTERN_BYTES
            ),
        )
    except ValueError as error:
        raise DocumentFault(FailureCode.OUTPUT_SCHEMA_INVALID, "the schema of the batch cannot be used") from error
    if faults:
        raise DocumentFault(FailureCode.OUTPUT_SCHEMA_INVALID, f"the schema of the batch cannot be used: {faults[0]}")
    return CompiledSchema(schema, validator)


def _refuse(uri: str) -> Never:
    raise ValueError(f"{uri} leads outside the schema")


def check(answer: Extraction, document: ParsedDocument, compiled: CompiledSchema) -> Checked:
    """Validate and ground. Raises DocumentFault naming the places, never the values: they are the document's words."""
    values = cast("dict[str, Any]", as_asked(answer.values, compiled.schema))
    faults = sorted({_place(error) for error in compiled.validator.iter_errors(values)})
    if faults:
        named = "; ".join(faults[:FAULTS_NAMED])
        raise DocumentFault(FailureCode.OUTPUT_SCHEMA_INVALID, f"the answer does not satisfy the schema: {named}")
    return Checked(values, ground(values, answer.citations, document))


def _place(error: jsonschema_rs.ValidationError) -> str:
    path = "".join(f"/{step}" for step in error.instance_path) or "/"
    keyword = next((step for step in reversed(error.schema_path) if isinstance(step, str)), "schema")
    return f"{path} breaks {keyword!r}"
