"""The worker process, from the job on the queue to the event on the exchange."""

import asyncio
import json
from time import monotonic
from urllib.parse import urlsplit

import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

from chassis.topology import DOCUMENT_EXTRACTED, DOCUMENT_FAILED, DOCUMENT_PROGRESSED, DOCUMENT_RELEASED
from quire.batch.v1 import document_pb2
from quire.work.v1 import work_service_pb2 as work
from tests.contract.extractor.model_server import delayed, drips, extracts, hangs, model_server, refuses
from tests.integration.extractor.links import free_port, health_of, link_to
from tests.integration.extractor.worker import World

pytestmark = pytest.mark.timeout(90)


def openai(base_url: str, **changes: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": base_url, "QUIRE_OPENAI_MODEL": "scripted", **changes}


async def test_worker_extracts_a_document_with_the_builtin_engine(world: World) -> None:
    await world.start_worker()
    claim = await world.offer()
    kind, event = await world.terminal()
    assert (kind, event.ref.document_id, event.ref.lease_token) == (
        DOCUMENT_EXTRACTED,
        claim.document_id,
        claim.lease_token,
    )
    assert (event.pages, event.media_type, event.result_key) == (1, "text/plain", claim.result_key)
    stored = await world.blobs.get(claim.result_key)
    assert len(stored) == event.result_size_bytes
    assert json.loads(stored)["values"] == {"total": 12.5}
    assert world.work.hellos[0].engine == "builtin"
    assert world.work.tokens == ["worker-token"]


@pytest.mark.catalogue("Q01")
async def test_worker_sends_garbage_to_the_dead_letters_and_works_on(world: World) -> None:
    await world.start_worker()
    await world.send_raw(b"garbage")
    assert (await world.dead_letter()).body == b"garbage"
    await world.offer()
    assert (await world.terminal())[0] == DOCUMENT_EXTRACTED


async def test_worker_forgets_a_job_it_did_not_get(world: World) -> None:
    await world.start_worker()
    claim = await world.store()
    await world.send(claim, "anothers")
    await world.work.until(lambda: world.work.claimed == ["anothers"])
    await world.offer()
    _, event = await world.terminal()
    assert event.ref.document_id != claim.document_id
    assert await world.left_in_queue() == 0


async def test_worker_runs_a_job_once_when_the_broker_repeats_it(world: World) -> None:
    await world.start_worker()
    claim = await world.offer()
    await world.terminal()
    await world.send(claim, next(iter(world.work.claims)))
    other = await world.offer()
    _, event = await world.terminal()
    assert event.ref.document_id == other.document_id
    assert world.events.empty()


async def test_worker_reports_what_was_paid_by_an_earlier_attempt(world: World) -> None:
    await world.start_worker()
    first = await world.offer()
    await world.terminal()
    second = await world.offer(
        document_id=first.document_id, attempt=2, earlier_result_keys=[first.result_key], result_key="t1/b1/new.json"
    )
    _, event = await world.terminal()
    assert (event.ref.attempt, event.result_key) == (2, first.result_key)
    assert event.usage == document_pb2.Usage()
    assert second.result_key != event.result_key


async def test_worker_proposes_a_schema_when_the_batch_has_none(world: World) -> None:
    await world.start_worker()
    claim = await world.store()
    claim.output_schema = ""
    world.work.claims["x"] = claim
    await world.send(claim, "x")
    assert (await world.terminal())[0] == DOCUMENT_EXTRACTED
    assert list(json.loads(world.work.proposals[0])["properties"]) == ["total"]


async def test_worker_fails_a_document_whose_bytes_changed(world: World) -> None:
    await world.start_worker()
    await world.offer(sha256="0" * 64)
    kind, event = await world.terminal()
    assert (kind, event.code, event.phase) == (DOCUMENT_FAILED, "CHECKSUM_MISMATCH", document_pb2.STAGE_FETCH)


async def test_worker_gives_a_document_back_when_the_provider_asks_to_wait(world: World) -> None:
    async with model_server(refuses(429, retry_after="7")) as (_, base_url):
        await world.start_worker(**openai(base_url))
        await world.offer()
        kind, event = await world.terminal()
    assert (kind, event.code, event.retry_after.seconds) == (DOCUMENT_RELEASED, "PROVIDER_RATE_LIMITED", 7)


async def test_worker_fails_a_document_when_the_model_drips_beyond_its_deadline(world: World) -> None:
    async with model_server(drips()) as (model, base_url):
        await world.start_worker(**openai(base_url, QUIRE_MODEL_DEADLINE_SECONDS="1"))
        await world.offer()
        kind, event = await world.terminal()
        assert (kind, event.code, event.phase) == (DOCUMENT_FAILED, "PROVIDER_TIMEOUT", document_pb2.STAGE_EXTRACT)
        await asyncio.wait_for(model.aborted.wait(), 2)


async def test_worker_tells_of_a_stage_that_lasts_and_counts_the_cost(world: World) -> None:
    async with model_server(delayed(1, extracts({"total": 12.5}))) as (_, base_url):
        prices = {"QUIRE_OPENAI_PRICE_INPUT": "1", "QUIRE_OPENAI_PRICE_OUTPUT": "2"}
        await world.start_worker(**openai(base_url, **prices))
        await world.offer()
        kind, progress = await asyncio.wait_for(world.events.get(), 20)
        assert (kind, progress.stage, progress.pages_total) == (DOCUMENT_PROGRESSED, document_pb2.STAGE_EXTRACT, 1)
        kind, event = await world.events.get()
    assert (kind, event.usage) == (
        DOCUMENT_EXTRACTED,
        document_pb2.Usage(input_tokens=100, output_tokens=20, cost_micros=140),
    )


async def test_worker_aborts_the_model_call_within_two_seconds_of_a_cancel(world: World) -> None:
    async with model_server(hangs()) as (model, base_url):
        worker = await world.start_worker(**openai(base_url))
        claim = await world.offer()
        await model.called.wait()
        asked = monotonic()
        world.work.stop(claim.lease_token, work.STOP_REASON_CANCELLED)
        kind, event = await world.terminal()
        await asyncio.wait_for(model.aborted.wait(), 2)
        assert monotonic() - asked < 2
    assert (kind, event.code) == (DOCUMENT_FAILED, "CANCELLED")
    assert "sk-canary" not in worker.text()


async def test_worker_says_nothing_of_a_document_whose_lease_was_revoked(world: World) -> None:
    async with model_server(hangs(), extracts({"total": 1})) as (model, base_url):
        await world.start_worker(**openai(base_url))
        revoked = await world.offer()
        await model.called.wait()
        world.work.stop(revoked.lease_token, work.STOP_REASON_REVOKED)
        await asyncio.wait_for(model.aborted.wait(), 2)
        other = await world.offer()
        _, event = await world.terminal()
    assert event.ref.document_id == other.document_id


async def test_worker_beats_for_what_it_holds_until_it_is_told(world: World) -> None:
    async with model_server(delayed(1.5, extracts({"total": 1}))) as (_, base_url):
        await world.start_worker(**openai(base_url))
        claim = await world.offer()
        await world.work.until(lambda: claim.lease_token in world.work.beats[-1].lease_tokens)
        await world.terminal()
        await world.work.until(lambda: not world.work.beats[-1].lease_tokens)


async def test_worker_works_on_when_its_line_of_life_breaks(world: World) -> None:
    async with model_server(delayed(2, extracts({"total": 1}))) as (model, base_url):
        await world.start_worker(**openai(base_url))
        claim = await world.offer()
        await model.called.wait()
        world.work.break_streams()
        await world.work.until(lambda: len(world.work.hellos) == 2)
        await world.work.until(lambda: list(world.work.beats[-1].lease_tokens) == [claim.lease_token])
        assert (await world.terminal())[0] == DOCUMENT_EXTRACTED
        assert len(model.requests) == 1


async def test_worker_finishes_a_document_once_when_the_link_to_the_broker_breaks(world: World) -> None:
    broker = urlsplit(world.servers["QUIRE_AMQP_URL"])
    async with (
        link_to(broker.hostname or "", broker.port or 0) as (link, port),
        model_server(delayed(2, extracts({"total": 1}))) as (model, base_url),
    ):
        url = broker._replace(netloc=f"{broker.username}:{broker.password}@127.0.0.1:{port}").geturl()
        worker = await world.start_worker(**openai(base_url, QUIRE_AMQP_URL=url))
        await world.offer()
        await model.called.wait()
        await link.cut()
        assert (await world.terminal())[0] == DOCUMENT_EXTRACTED
        other = await world.offer()
        _, event = await world.terminal()
        assert event.ref.document_id == other.document_id
        assert len(model.requests) == 2
        worker.terminate()
        assert await worker.ended() == 0
    assert await world.left_in_queue() == 0


async def test_worker_that_drains_finishes_what_it_can(world: World) -> None:
    async with model_server(delayed(1, extracts({"total": 1}))) as (model, base_url):
        health = f"127.0.0.1:{free_port()}"
        worker = await world.start_worker(**openai(base_url, QUIRE_EXTRACTOR_LISTEN=health))
        assert await health_of(health) == HealthCheckResponse.SERVING
        await world.offer()
        await model.called.wait()
        worker.terminate()
        await world.work.until(lambda: not world.work.beats[-1].accepting)
        assert await health_of(health) == HealthCheckResponse.NOT_SERVING
        assert (await world.terminal())[0] == DOCUMENT_EXTRACTED
        assert await worker.ended() == 0
    assert not list(world.folder.glob("quire-*"))


async def test_worker_that_drains_gives_back_what_it_cannot_finish_and_leaves_the_unstarted(world: World) -> None:
    async with model_server(hangs()) as (model, base_url):
        worker = await world.start_worker(**openai(base_url, QUIRE_EXTRACTOR_SLOTS="1", QUIRE_DRAIN_SECONDS="8"))
        held = await world.offer()
        await model.called.wait()
        await world.offer()
        asked = monotonic()
        worker.terminate()
        kind, event = await world.terminal()
        assert await worker.ended() == 0
        assert monotonic() - asked < 8
    assert (kind, event.code, event.ref.document_id) == (DOCUMENT_RELEASED, "", held.document_id)
    assert await world.left_in_queue() == 1


async def test_worker_refuses_to_start_when_its_budgets_contradict(world: World) -> None:
    worker = await world.spawn_worker(QUIRE_JOB_DEADLINE_SECONDS="9999")
    assert await worker.ended() == 78
    assert "QUIRE_JOB_DEADLINE_SECONDS" in worker.text()
