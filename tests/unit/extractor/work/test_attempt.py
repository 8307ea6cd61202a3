"""Every way an attempt can end."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from chassis.blobs import BlobFull, BlobUnavailable
from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault, Extraction, Usage
from extractor.domain.faults import EngineFault, NotNow
from extractor.domain.outcome import Failed, Released, Stage, Succeeded
from extractor.work import attempt as attempt_module
from extractor.work.leases import StopCause
from tests.unit.extractor.work.builders import FakeBlobs, FakeClaims, FakeEngine, World, a_claim


def raising(error: Exception) -> FakeEngine:
    def answer() -> Extraction:
        raise error

    return FakeEngine(answer=answer)


async def failure(world: World, **claim: object) -> Failed:
    outcome = await world.attempt(a_claim(**claim)).run()
    assert isinstance(outcome, Failed)
    return outcome


async def release(world: World) -> Released:
    outcome = await world.attempt().run()
    assert isinstance(outcome, Released)
    return outcome


async def test_attempt_stores_a_result_that_says_where_each_value_stands() -> None:
    world = World()
    outcome = await world.attempt().run()
    assert isinstance(outcome, Succeeded)
    assert (outcome.pages, outcome.media_type, outcome.ungrounded_fields) == (1, "text/plain", 0)
    assert outcome.usage == Usage(10, 5, 7)
    result = json.loads(world.blobs.held["t1/b1/d1/1.json"])
    assert result["values"] == {"total": 12.5}
    assert result["fields"][0]["quote"] == "Total: 12.50"
    assert result["document"]["attempt"] == 1
    assert result["usage"]["cost_micros"] == 7


async def test_attempt_moves_on_stage_by_stage_and_leaves_no_file() -> None:
    world = World()
    await world.attempt().run()
    assert [advance.stage for advance in world.heard.advances] == list(Stage)
    assert world.heard.advances[2].pages_total == 1
    assert not world.paths[0].exists()


async def test_attempt_reports_an_earlier_result_at_no_cost_when_there_is_one() -> None:
    world = World()
    await world.attempt().run()
    world.engine.asked.clear()
    claim = a_claim(attempt=2, result_key="t1/b1/d1/2.json", earlier_result_keys=["missing", "t1/b1/d1/1.json"])
    outcome = await world.attempt(claim).run()
    assert isinstance(outcome, Succeeded)
    assert (outcome.result_key, outcome.usage, outcome.pages) == ("t1/b1/d1/1.json", Usage(), 1)
    assert not world.engine.asked.is_set()


@pytest.mark.parametrize("found", [b"", b"[]", b'{"document": {"document_id": "another"}, "fields": []}'])
async def test_attempt_runs_when_what_lies_under_an_earlier_key_is_no_result_of_it(found: bytes) -> None:
    world = World()
    world.blobs.held["old"] = found
    outcome = await world.attempt(a_claim(earlier_result_keys=["old"])).run()
    assert isinstance(outcome, Succeeded)
    assert outcome.result_key == "t1/b1/d1/1.json"


async def test_attempt_fails_when_the_bytes_are_not_those_uploaded() -> None:
    outcome = await failure(World(), sha256="0" * 64)
    assert (outcome.code, outcome.phase) == (FailureCode.CHECKSUM_MISMATCH, Stage.FETCH)


async def test_attempt_fails_when_the_stored_file_is_gone() -> None:
    outcome = await failure(World(blobs=FakeBlobs(held={})))
    assert outcome.code == FailureCode.SOURCE_MISSING


async def test_attempt_gives_the_document_back_when_the_store_does_not_answer() -> None:
    outcome = await release(World(blobs=FakeBlobs(get_fault=BlobUnavailable("down"))))
    assert (outcome.code, outcome.retry_after) == (FailureCode.STORAGE_UNAVAILABLE, 10.0)


async def test_attempt_stores_again_when_the_store_falters_after_the_model_was_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt_module, "STORE_FIRST_DELAY", 0.001)
    outcome = await World(blobs=FakeBlobs(put_faults=[BlobUnavailable("down")] * 2)).attempt().run()
    assert isinstance(outcome, Succeeded)


async def test_attempt_gives_the_document_back_with_what_it_cost_when_the_store_stays_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt_module, "STORE_FIRST_DELAY", 0.001)
    outcome = await release(World(blobs=FakeBlobs(put_faults=[BlobFull("full")] * 9)))
    assert (outcome.code, outcome.usage) == (FailureCode.STORAGE_FULL, Usage(10, 5, 7))


async def test_attempt_fails_as_the_parser_says() -> None:
    outcome = await failure(World(parse_fault=DocumentFault(FailureCode.PDF_ENCRYPTED, "it has a password")))
    assert (outcome.code, outcome.message, outcome.phase) == (
        FailureCode.PDF_ENCRYPTED,
        "it has a password",
        Stage.PARSE,
    )


async def test_attempt_gives_the_document_back_when_the_provider_asks_to_wait() -> None:
    outcome = await release(
        World(engine=raising(NotNow(FailureCode.PROVIDER_RATE_LIMITED, "429", 7.0, Usage(1, 0, 0))))
    )
    assert (outcome.code, outcome.retry_after, outcome.usage) == (
        FailureCode.PROVIDER_RATE_LIMITED,
        7.0,
        Usage(1, 0, 0),
    )


async def test_attempt_counts_the_cost_when_the_answer_is_cut_short() -> None:
    outcome = await failure(World(engine=raising(EngineFault(FailureCode.OUTPUT_TRUNCATED, "cut", Usage(9, 9, 9)))))
    assert (outcome.code, outcome.usage, outcome.pages) == (FailureCode.OUTPUT_TRUNCATED, Usage(9, 9, 9), 1)


async def test_attempt_fails_naming_the_place_but_not_the_value_when_the_answer_breaks_the_schema() -> None:
    outcome = await failure(World(engine=FakeEngine(answer=lambda: Extraction({"total": "CANARY"}))))
    assert outcome.code == FailureCode.OUTPUT_SCHEMA_INVALID
    assert "/total breaks 'type'" in outcome.message
    assert "CANARY" not in outcome.message


async def test_attempt_fails_when_the_model_takes_longer_than_it_may() -> None:
    outcome = await failure(World(engine=FakeEngine(hangs=True), model_deadline=0.05))
    assert (outcome.code, outcome.phase) == (FailureCode.PROVIDER_TIMEOUT, Stage.EXTRACT)


async def test_attempt_fails_when_all_of_it_takes_longer_than_it_may() -> None:
    outcome = await failure(World(engine=FakeEngine(hangs=True), job_deadline=0.05))
    assert outcome.code == FailureCode.DOCUMENT_TIMEOUT


async def test_attempt_fails_at_once_when_its_claim_leaves_no_time() -> None:
    claim = a_claim()
    claim.job_deadline.FromSeconds(0)
    outcome = await World(engine=FakeEngine(hangs=True)).attempt(claim).run()
    assert isinstance(outcome, Failed)
    assert outcome.code == FailureCode.DOCUMENT_TIMEOUT


async def test_attempt_fails_without_a_word_of_the_document_when_something_breaks() -> None:
    with capture_logs() as logs:
        outcome = await failure(World(engine=raising(ValueError("invalid literal: CANARY"))))
    assert outcome.code == FailureCode.INTERNAL
    assert logs[0]["incident"] in outcome.message
    assert "CANARY" not in outcome.message + json.dumps(logs)


async def test_attempt_proposes_the_derived_schema_and_uses_the_one_kept() -> None:
    kept = '{"type": "object", "properties": {"total": {"type": "number"}}}'
    world = World(claims=FakeClaims(kept=kept))
    claim = a_claim()
    claim.output_schema = ""
    bench = world.bench()
    for _ in range(2):
        outcome = await attempt_module.Attempt(bench, claim, world.heard).run()
        assert isinstance(outcome, Succeeded)
    assert len(world.claims.proposals) == 1


async def test_attempt_counts_what_deriving_the_schema_cost() -> None:
    claim = a_claim()
    claim.output_schema = ""
    outcome = await World().attempt(claim).run()
    assert isinstance(outcome, Succeeded)
    assert outcome.usage == Usage(13, 7, 8)


@pytest.mark.parametrize("schema", ["not json", '{"type": "array"}', '{"type": "object", "properties": 3}'])
async def test_attempt_fails_when_the_schema_of_the_batch_cannot_be_used(schema: str) -> None:
    outcome = await failure(World(), output_schema=schema)
    assert outcome.code == FailureCode.OUTPUT_SCHEMA_INVALID


async def test_attempt_lets_a_cancellation_through_and_says_what_it_comes_to() -> None:
    world = World(engine=FakeEngine(hangs=True))
    attempt = world.attempt()
    running = asyncio.create_task(attempt.run())
    await world.engine.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    cancelled, drained = attempt.stopped(StopCause.CANCELLED), attempt.stopped(StopCause.DRAINED)
    assert isinstance(cancelled, Failed)
    assert (cancelled.code, cancelled.phase) == (FailureCode.CANCELLED, Stage.EXTRACT)
    assert drained == Released(None, "the worker is being shut down")
    assert not world.paths[0].exists()
