"""The scripted model, asked by the engine that asks it in a chaos run."""

import asyncio
import math
import random
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import Extraction
from extractor.domain.faults import EngineFault, NotNow
from extractor.domain.pages import Page, ParsedDocument
from extractor.engines.openai_compatible import OpenAiEngine, OpenAiOptions
from tests.chaos.model import ScriptedModel
from tests.chaos.model_faults import FINAL, SPENDING, UNANSWERED, WAITING
from tests.chaos.records import canary_of

SECONDS = 20
SCHEMA = {
    "type": "object",
    "properties": {"mark": {"type": "string"}, "other": {"type": ["string", "null"]}},
    "required": ["mark"],
}


@pytest.fixture
def model() -> Generator[ScriptedModel]:
    with ScriptedModel() as model:
        yield model


def document(mark: str) -> ParsedDocument:
    second = Page(2, f"Mark: {mark}\nCanary: {canary_of('acme-1')}\n")
    return ParsedDocument("text/plain", (Page(1, "A cover\n"), second, Page(3, "The end\n")))


@asynccontextmanager
async def asking(model: ScriptedModel, worker: str = "w1", deadline: float = 10) -> AsyncGenerator[OpenAiEngine]:
    url = model.environ_through(model.port, worker)["OPENAI_BASE_URL"]
    engine = OpenAiEngine(OpenAiOptions("none", "scripted", base_url=url, deadline=deadline))
    try:
        async with asyncio.timeout(SECONDS):
            yield engine
    finally:
        await engine.close()


async def until(model: ScriptedModel, calls: int) -> None:
    while len(model.log.asked) < calls:  # noqa: ASYNC110 - another thread writes the log
        await asyncio.sleep(0.01)


async def held(model: ScriptedModel, calls: int) -> None:
    while model.holding() < calls:  # noqa: ASYNC110 - another thread counts
        await asyncio.sleep(0.01)


async def extraction(engine: OpenAiEngine, mark: str) -> Extraction:
    return await engine.extract(document(mark), "Find the mark.", SCHEMA)


async def code_of(engine: OpenAiEngine, mark: str) -> FailureCode | None:
    try:
        found = await extraction(engine, mark)
    except NotNow:
        return None
    except EngineFault as fault:
        return fault.code
    return None if isinstance(found.values["mark"], str) else FailureCode.OUTPUT_SCHEMA_INVALID


async def test_an_honest_answer_is_the_mark_with_its_place(model: ScriptedModel) -> None:
    async with asking(model) as engine:
        found = await extraction(engine, "mk-1a")
        schema = await engine.derive_schema("Find the mark.")
    assert found.values == {"mark": "mk-1a", "other": None}
    assert [(one.path, one.quote, one.page) for one in found.citations] == [("/mark", "mk-1a", 2)]
    assert list(schema["properties"]) == ["mark"]
    await until(model, 2)
    first = model.log.asked[0]
    assert (first.mark, first.answer, first.tenants) == ("mk-1a", "success", {"canary-acme-1"})
    assert first.at <= first.answered_at < math.inf


@pytest.mark.parametrize("kind", sorted(FINAL | SPENDING))
async def test_a_fault_about_the_answer_comes_to_the_code_it_is_kept_under(model: ScriptedModel, kind: str) -> None:
    model.fault(kind, 1.0, random.Random(1))
    async with asking(model, deadline=0.5 if kind in UNANSWERED else 10) as engine:
        assert await code_of(engine, "mk-1") is (FINAL | SPENDING)[kind]
    await until(model, 1)
    assert model.log.asked[0].answer == kind
    assert (model.log.asked[0].answered_at < math.inf) is (kind not in UNANSWERED)
    assert model.ended() == ({"mk-1": {FINAL[kind]}} if kind in FINAL else {})
    assert model.spent() == ({"mk-1": {SPENDING[kind]: 1}} if kind in SPENDING else {})


@pytest.mark.parametrize("kind", sorted(WAITING))
async def test_a_fault_of_the_provider_costs_nothing_and_ends_when_it_is_honest(
    model: ScriptedModel, kind: str
) -> None:
    model.fault(kind, 1.0, random.Random(1))
    async with asking(model) as engine:
        with pytest.raises(NotNow) as caught:
            await extraction(engine, "mk-1")
        model.honest()
        assert (await extraction(engine, "mk-1")).values["mark"] == "mk-1"
    limited = kind.startswith("rate_limited")
    assert caught.value.code is (FailureCode.PROVIDER_RATE_LIMITED if limited else FailureCode.PROVIDER_UNAVAILABLE)
    assert (caught.value.retry_after == 1.0) is (kind in {"rate_limited", "unavailable"})
    assert (model.ended(), model.spent()) == ({}, {})


async def test_a_share_is_chosen_by_mark_and_call_and_not_by_order(model: ScriptedModel) -> None:
    marks = [f"mk-{number:x}" for number in range(40)]

    async def met(engine: OpenAiEngine, mark: str) -> bool:
        try:
            await extraction(engine, mark)
        except NotNow:
            return True
        return False

    async with asking(model) as engine:
        model.fault("overloaded", 0.5, random.Random(7))
        there = {mark: await met(engine, mark) for mark in marks}
    with ScriptedModel() as other:
        other.fault("overloaded", 0.5, random.Random(7))
        async with asking(other) as engine:
            back = {mark: await met(engine, mark) for mark in reversed(marks)}
    assert there == back
    assert 5 < sum(there.values()) < 35


async def test_many_calls_are_held_until_released(model: ScriptedModel) -> None:
    async with asking(model, "w1") as one, asking(model, "w2") as two:
        model.hold()
        calls = [asyncio.ensure_future(extraction(one if n % 2 else two, f"mk-{n:x}")) for n in range(64)]
        await held(model, 64)
        assert model.asking("w1") == {f"mk-{n:x}" for n in range(64) if n % 2}
        assert len(model.asking()) == 64
        model.release()
        assert [found.values["mark"] for found in await asyncio.gather(*calls)] == [f"mk-{n:x}" for n in range(64)]
    assert not model.asking()


async def test_a_caller_that_leaves_is_written_down_as_never_answered(model: ScriptedModel) -> None:
    async with asking(model) as engine:
        model.hold()
        call = asyncio.ensure_future(extraction(engine, "mk-1"))
        await held(model, 1)
        call.cancel()
        await until(model, 1)
    assert model.log.asked[0].answer == "success"
    assert model.log.asked[0].answered_at == math.inf
