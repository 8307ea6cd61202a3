"""What an engine is asked for and what it answers."""

from dataclasses import dataclass
from typing import Any, Protocol

from chassis.failures import FailureCode
from extractor.domain.pages import ParsedDocument

JsonSchema = dict[str, Any]
"""A JSON Schema (draft 2020-12) whose root is an object with `properties`."""


class DocumentFault(Exception):
    """This document cannot be extracted, and why; `code` says whether another attempt may help."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an engine says it found a value."""

    path: str
    """JSON pointer into the values, e.g. `/total` or `/lines/0/amount`."""
    quote: str
    """The words of the document, verbatim."""
    page: int
    """From 1; 0 when the engine does not know."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    """Millionths of a US dollar."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """An engine's answer, before it is validated and grounded."""

    values: dict[str, Any]
    """Keeps to the schema asked for; a value that was not found is null."""
    citations: tuple[Citation, ...] = ()
    usage: Usage = Usage()


class Engine(Protocol):
    """The port behind which `builtin` and `openai` stand."""

    @property
    def name(self) -> str:
        """`builtin` or `openai`."""
        ...

    @property
    def model(self) -> str:
        """The model that answers; the engine's version for `builtin`."""
        ...

    async def derive_schema(self, prompt: str) -> JsonSchema:
        """Turn an instruction into the schema all documents of its batch are extracted with."""
        ...

    async def extract(self, document: ParsedDocument, prompt: str, schema: JsonSchema) -> Extraction:
        """Fill the schema from the document. Raises DocumentFault."""
        ...
