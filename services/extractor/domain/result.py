"""The result of one document: the JSON that is stored, exported and shown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from extractor.domain.extraction import Usage
from extractor.domain.grounding import GroundedField

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """The document a result belongs to."""

    tenant_id: str
    batch_id: str
    document_id: str
    attempt: int
    name: str
    media_type: str
    sha256: str
    """Lower-case hex."""
    pages: int


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Who answered."""

    name: str
    model: str


def build_result(
    source: Source,
    values: dict[str, Any],
    fields: Sequence[GroundedField],
    warnings: Sequence[str],
    engine: EngineIdentity,
    usage: Usage,
) -> dict[str, Any]:
    """Put the parts together, ready for a JSON encoder."""
    return {
        "schema_version": SCHEMA_VERSION,
        "document": asdict(source),
        "values": values,
        "fields": [asdict(field) for field in fields],
        "warnings": [*warnings, *_ungrounded(fields)],
        "engine": asdict(engine),
        "usage": asdict(usage),
    }


def _ungrounded(fields: Sequence[GroundedField]) -> list[str]:
    return [] if all(field.grounded for field in fields) else ["UNGROUNDED_VALUES"]
