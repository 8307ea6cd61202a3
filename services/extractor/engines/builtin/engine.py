"""The Engine port, answered without a network."""

import asyncio

from extractor.domain.extraction import Extraction, JsonSchema
from extractor.domain.pages import ParsedDocument
from extractor.domain.schema import derive_schema
from extractor.engines.builtin.filling import fill

VERSION = "1"


class BuiltinEngine:
    """Labels, tables and places; the work runs in a thread, so that a long document holds up no heartbeat."""

    @property
    def name(self) -> str:
        """As stored with each result."""
        return "builtin"

    @property
    def model(self) -> str:
        """Grows when the same document may get another answer."""
        return VERSION

    async def derive_schema(self, prompt: str) -> JsonSchema:
        """The fields the instruction names."""
        return derive_schema(prompt)

    async def extract(self, document: ParsedDocument, prompt: str, schema: JsonSchema) -> Extraction:  # noqa: ARG002
        """Fill the schema; the prompt has no say beyond it."""
        return await asyncio.to_thread(fill, document, schema)
