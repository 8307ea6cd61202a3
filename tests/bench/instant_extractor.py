"""The real extractor with an engine that answers at once, so that Quire is measured and not the reading of text.

`python -m tests.bench.instant_extractor serve`: everything else, grounding included, is what production runs.
"""

import sys

import extractor.app
from chassis.lifecycle import nothing
from extractor.__main__ import main
from extractor.chosen_engine import ChosenEngine
from extractor.domain.extraction import Citation, Extraction, JsonSchema
from extractor.domain.pages import ParsedDocument
from extractor.settings import ExtractorSettings
from extractor.work.schemas import Derived
from tests.bench.documents import QUOTES, SCHEMA, VALUES


class InstantEngine:
    """Knows what stands in the documents of this benchmark."""

    name = "instant"
    model = "1"

    async def derive_schema(self, prompt: str) -> JsonSchema:
        """The benchmark's own."""
        return SCHEMA

    async def extract(self, document: ParsedDocument, prompt: str, schema: JsonSchema) -> Extraction:
        """Their values, each with the line it stands in."""
        citations = tuple(Citation(f"/{name}", quote, 1) for name, quote in QUOTES.items())
        return Extraction(VALUES, citations)


def _choose(_: ExtractorSettings) -> ChosenEngine:
    async def derive(_: str) -> Derived:
        return Derived(SCHEMA)

    return ChosenEngine(InstantEngine(), derive, "instant", nothing)


if __name__ == "__main__":
    extractor.app.choose_engine = _choose
    sys.exit(main())
