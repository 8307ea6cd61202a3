"""The `openai` engine on the services' own event loop, behind a network that breaks."""

import asyncio

import uvloop

from extractor.domain.faults import NotNow
from extractor.domain.pages import Page, ParsedDocument
from extractor.engines.openai_compatible import OpenAiEngine, OpenAiOptions
from tests.chaos.links import Links

CALLS = 100
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
DOCUMENT = ParsedDocument("text/plain", (Page(1, "Total: 12.50\n"),))


async def outcomes(base_url: str) -> list[BaseException | object]:
    engine = OpenAiEngine(OpenAiOptions("none", "scripted", base_url=base_url))
    try:
        calls = (engine.extract(DOCUMENT, "Find the total.", SCHEMA) for _ in range(CALLS))
        return await asyncio.gather(*calls, return_exceptions=True)
    finally:
        await engine.close()


def test_a_connection_reset_while_it_is_made_costs_the_document_nothing() -> None:
    with Links() as links:
        link = links.add("model", 1)
        link.cut()
        found = uvloop.run(outcomes(f"http://127.0.0.1:{link.port}/v1"))
    assert [one for one in found if not isinstance(one, NotNow)] == []
