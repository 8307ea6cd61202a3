"""The `openai` engine against a scripted provider on a real port."""

import asyncio
import json
from typing import Any

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import Citation, Usage
from extractor.domain.faults import EngineFault, NotNow
from extractor.domain.pages import Page, ParsedDocument
from extractor.domain.usage import Prices
from extractor.engines.openai_compatible import OpenAiEngine, OpenAiOptions
from tests.contract.extractor.model_server import (
    Behaviour,
    answers,
    cuts_off,
    drips,
    extracts,
    hangs,
    model_server,
    refuses,
    responds,
)

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
LINES = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "string"}}}}
DOCUMENT = ParsedDocument("text/plain", (Page(1, "Total: 12.50\n"),))


def engine(base_url: str, **options: object) -> OpenAiEngine:
    settings = {"api_key": "sk-test-secret", "model": "scripted", "base_url": base_url, "deadline": 5.0} | options
    return OpenAiEngine(OpenAiOptions(**settings))  # pyright: ignore[reportArgumentType]


async def extraction_fault(*script: Behaviour, document: ParsedDocument = DOCUMENT, **options: object) -> EngineFault:
    async with model_server(*script) as (_, base_url):
        asked = engine(base_url, **options)
        with pytest.raises(EngineFault) as caught:
            await asked.extract(document, "the total", SCHEMA)
        await asked.close()
    return caught.value


async def test_engine_answers_values_citations_and_cost_when_the_model_keeps_to_the_schema() -> None:
    citation = {"path": "/total", "quote": "Total: 12.50", "page": 1}
    async with model_server(extracts({"total": 12.5}, [citation])) as (_, base_url):
        asked = engine(base_url, prices=Prices(1.0, 2.0))
        found = await asked.extract(DOCUMENT, "the total", SCHEMA)
        await asked.close()
    assert found.values == {"total": 12.5}
    assert found.citations == (Citation("/total", "Total: 12.50", 1),)
    assert found.usage == Usage(100, 20, 140)


@pytest.mark.catalogue("C17")
async def test_engine_sends_a_strict_schema_and_the_text_between_fresh_delimiters() -> None:
    async with model_server(extracts({"total": 1})) as (model, base_url):
        asked = engine(base_url)
        for _ in range(2):
            await asked.extract(DOCUMENT, "the total", SCHEMA)
        await asked.close()
    first, second = model.requests
    assert first["response_format"]["json_schema"]["strict"] is True
    assert "tools" not in first
    assert first["messages"][0] == second["messages"][0]
    assert "Total: 12.50" in first["messages"][1]["content"]
    assert first["messages"][1]["content"] != second["messages"][1]["content"]


async def test_engine_asks_without_strict_mode_when_the_schema_has_a_free_form_map() -> None:
    schema = {"type": "object", "properties": {"map": {"type": "object", "additionalProperties": {"type": "string"}}}}
    async with model_server(extracts({"map": {}})) as (model, base_url):
        asked = engine(base_url)
        await asked.extract(DOCUMENT, "a map", schema)
        await asked.close()
    assert model.requests[0]["response_format"]["json_schema"]["strict"] is False


@pytest.mark.catalogue("C18")
async def test_engine_merges_the_answers_when_the_document_needs_several_calls() -> None:
    pages = (Page(1, "a" * 900), Page(2, "b" * 900))
    script = (
        extracts({"lines": ["one"]}, [{"path": "/lines/0", "quote": "one", "page": 1}]),
        extracts({"lines": ["two"]}, [{"path": "/lines/0", "quote": "two", "page": 2}]),
    )
    async with model_server(*script) as (model, base_url):
        asked = engine(base_url, chunk_characters=1000)
        found = await asked.extract(ParsedDocument("text/plain", pages), "lines", LINES)
        await asked.close()
    assert len(model.requests) == 2
    assert found.values == {"lines": ["one", "two"]}
    assert [citation.path for citation in found.citations] == ["/lines/0", "/lines/1"]
    assert found.usage.input_tokens == 200


@pytest.mark.catalogue("Q17")
@pytest.mark.parametrize(
    ("behaviour", "code", "retry_after"),
    [
        (refuses(429), FailureCode.PROVIDER_RATE_LIMITED, 10),
        (refuses(429, retry_after="7"), FailureCode.PROVIDER_RATE_LIMITED, 7),
        (refuses(429, retry_after="garbage"), FailureCode.PROVIDER_RATE_LIMITED, 10),
        (refuses(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), FailureCode.PROVIDER_RATE_LIMITED, 1),
        (refuses(429, retry_after="999999"), FailureCode.PROVIDER_RATE_LIMITED, 3600),
        (refuses(429, "insufficient_quota"), FailureCode.PROVIDER_QUOTA, 600),
        (refuses(401, "invalid_api_key"), FailureCode.PROVIDER_AUTH, 300),
        (refuses(403), FailureCode.PROVIDER_AUTH, 300),
        (refuses(404, "model_not_found"), FailureCode.PROVIDER_AUTH, 300),
        (refuses(500), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (refuses(503, retry_after="3"), FailureCode.PROVIDER_UNAVAILABLE, 3),
        (responds(200, b"<html>sorry</html>", "text/html"), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (responds(200, b"{}"), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (responds(200, b'{"choices": []}'), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (responds(200, b'{"choices": 7}'), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (responds(200, b'{"id": '), FailureCode.PROVIDER_UNAVAILABLE, 15),
        (cuts_off(), FailureCode.PROVIDER_UNAVAILABLE, 15),
    ],
)
async def test_engine_asks_to_wait_when_the_provider_is_at_fault(
    behaviour: Behaviour, code: FailureCode, retry_after: float
) -> None:
    fault = await extraction_fault(behaviour)
    assert isinstance(fault, NotNow)
    assert (fault.code, fault.retry_after) == (code, retry_after)
    assert "CANARY" not in fault.message


@pytest.mark.catalogue("C18", "Q11", "Q12", "Q13", "Q14", "Q15")
@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (refuses(400, "context_length_exceeded"), FailureCode.CONTEXT_TOO_LONG),
        (refuses(413), FailureCode.CONTEXT_TOO_LONG),
        (refuses(400, "content_filter"), FailureCode.CONTENT_FILTERED),
        (refuses(400, "invalid_schema"), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": {"tot', "length"), FailureCode.OUTPUT_TRUNCATED),
        (answers(None, "content_filter"), FailureCode.CONTENT_FILTERED),
        (answers(None, refusal="I will not: CANARY"), FailureCode.CONTENT_REFUSED),
        (answers("I am sorry, but I cannot: CANARY"), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers(""), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers(None), FailureCode.OUTPUT_SCHEMA_INVALID),
        (responds(200, b'{"choices": [{"message": null}]}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers("[1]"), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": 7}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('```json\n{"values": {}}\n```'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": {}} {"values": {}}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": {"total": NaN}}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": {"total": 1e999}}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": {"total": 1, "total": 2}}'), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers('{"values": ' + "[" * 100_000), FailureCode.OUTPUT_SCHEMA_INVALID),
        (answers(json.dumps({"values": {"total": "x" * 1024 * 1024}})), FailureCode.OUTPUT_SCHEMA_INVALID),
    ],
)
async def test_engine_fails_the_document_when_the_answer_cannot_be_used(
    behaviour: Behaviour, code: FailureCode
) -> None:
    fault = await extraction_fault(behaviour)
    assert not isinstance(fault, NotNow)
    assert fault.code == code
    assert "CANARY" not in fault.message


async def test_engine_counts_what_an_unusable_answer_cost() -> None:
    fault = await extraction_fault(answers("no", "length", usage=(70, 30)))
    assert fault.usage == Usage(70, 30, 0)


@pytest.mark.catalogue("Q18")
async def test_engine_believes_no_usage_below_zero_and_needs_none() -> None:
    for usage in ((-5, -6), None):
        async with model_server(answers('{"values": {}}', usage=usage)) as (_, base_url):
            asked = engine(base_url)
            assert (await asked.extract(DOCUMENT, "the total", SCHEMA)).usage == Usage()
            await asked.close()


async def test_engine_times_out_when_the_provider_never_answers() -> None:
    fault = await extraction_fault(hangs(), deadline=0.3)
    assert fault.code == FailureCode.PROVIDER_TIMEOUT


async def test_engine_aborts_the_call_when_it_is_cancelled() -> None:
    async with model_server(drips()) as (model, base_url):
        asked = engine(base_url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asked.extract(DOCUMENT, "the total", SCHEMA)
        async with asyncio.timeout(2):
            await model.aborted.wait()
        await asked.close()


async def test_engine_asks_to_wait_when_nobody_listens() -> None:
    async with model_server(hangs()) as (_, base_url):
        pass
    asked = engine(base_url)
    with pytest.raises(NotNow) as caught:
        await asked.extract(DOCUMENT, "the total", SCHEMA)
    await asked.close()
    assert caught.value.code == FailureCode.PROVIDER_UNAVAILABLE


async def test_engine_derives_a_schema_by_rule_from_the_fields_the_model_lists() -> None:
    fields: list[dict[str, Any]] = [
        {"name": "Invoice No.", "description": "Its number", "type": "text", "columns": []},
        {
            "name": "lines",
            "description": "",
            "type": "table",
            "columns": [{"name": "amount", "description": "", "type": "number"}],
        },
    ]
    async with model_server(answers(json.dumps({"fields": fields}))) as (_, base_url):
        asked = engine(base_url)
        schema, usage = await asked.derive_schema_at_cost("number and lines")
        await asked.close()
    assert schema["required"] == ["invoice_no", "lines"]
    assert schema["properties"]["lines"]["items"]["properties"]["amount"] == {"type": ["number", "null"]}
    assert usage == Usage(100, 20, 0)


@pytest.mark.parametrize(
    "content", ["no", '{"fields": []}', '{"fields": 3}', '{"fields": [{"name": "!", "type": "text"}]}']
)
async def test_engine_derives_a_schema_from_the_words_when_the_model_lists_no_field(content: str) -> None:
    async with model_server(answers(content)) as (_, base_url):
        asked = engine(base_url)
        schema = await asked.derive_schema("invoice number, total")
        await asked.close()
    assert list(schema["properties"]) == ["invoice_number", "total"]


async def test_engine_does_not_derive_by_rule_when_the_provider_only_asks_to_wait() -> None:
    async with model_server(refuses(429)) as (_, base_url):
        asked = engine(base_url)
        with pytest.raises(NotNow):
            await asked.derive_schema("invoice number, total")
        await asked.close()


def test_engine_names_its_key_without_telling_it() -> None:
    asked = engine("http://127.0.0.1:1/v1")
    assert asked.provider_key.startswith("127.0.0.1:")
    assert "secret" not in asked.provider_key + repr(OpenAiOptions("sk-test-secret", "m"))
