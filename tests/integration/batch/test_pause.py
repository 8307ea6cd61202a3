"""Pause and resume: nothing new is claimed, what runs finishes, and the deadline keeps running."""

import asyncio

import aio_pika
import grpc
import pytest

from chassis.errors import CallReason
from chassis.topology import EXTRACT_JOB, JOBS
from quire.batch.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_EXPIRED,
    HOLD_REASON_PAUSED_BY_USER,
)
from quire.jobs.v1.jobs_pb2 import ExtractDocument
from quire.work.v1.work_service_pb2 import CLAIM_VERDICT_GONE
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World

DISPATCHED = "SELECT count(*) FILTER (WHERE dispatch_id IS NOT NULL) = $2 FROM documents WHERE batch_id = $1"
PAUSE = [HOLD_REASON_PAUSED_BY_USER]


async def jobs_of(world: World, batch_id: str) -> list[ExtractDocument]:
    """The jobs the broker holds for documents of a batch, as their rows say."""
    rows = await world.database.rows("SELECT id, dispatch_id FROM documents WHERE batch_id = $1", batch_id)
    return [
        ExtractDocument(batch_id=batch_id, document_id=str(row["id"]), dispatch_id=str(row["dispatch_id"]))
        for row in rows
    ]


async def test_a_paused_batch_runs_nothing_until_it_is_resumed(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(5)
    await world.until(DISPATCHED, batch.id, 5)
    jobs = await jobs_of(world, batch.id)
    paused = await tenant.pause(batch.id)
    assert (paused.hold_reason, list(paused.hold_reasons)) == (HOLD_REASON_PAUSED_BY_USER, PAUSE)
    assert paused.version > batch.version
    assert await world.ask(DISPATCHED, batch.id, 0)
    worker = await world.worker()
    await worker.until_gone(5)
    for job in jobs:
        assert (await worker.claim(job)).verdict == CLAIM_VERDICT_GONE
    assert worker.attempts == []
    assert await tenant.pause(batch.id) == await tenant.get(batch.id), "pausing twice changes nothing"
    assert list((await tenant.resume(batch.id)).hold_reasons) == []
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    assert [attempt.claim.attempt for attempt in worker.attempts] == [1] * 5


async def test_a_dispatch_that_slips_in_beside_a_pause_is_withdrawn_by_its_claim(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    await world.until(DISPATCHED, batch.id, 1)
    await tenant.pause(batch.id)
    slipped = "UPDATE documents SET dispatch_id = gen_random_uuid(), dispatched_at = now() WHERE batch_id = $1"
    await world.database.execute(slipped, batch.id)
    (job,) = await jobs_of(world, batch.id)
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        exchange = await (await connection.channel()).get_exchange(JOBS.name)
        await exchange.publish(aio_pika.Message(job.SerializeToString()), EXTRACT_JOB)
    worker = await world.worker()
    await world.until(DISPATCHED, batch.id, 0)
    assert worker.attempts == []
    await tenant.resume(batch.id)
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_a_held_dispatch_is_not_sent_again_until_resumed(world: World) -> None:
    tenant = await world.tenant()
    held, free = await tenant.sealed(1), await tenant.sealed(1)
    await world.until(DISPATCHED, held.id, 1)
    await world.until(DISPATCHED, free.id, 1)
    await tenant.pause(held.id)
    slipped = "UPDATE documents SET dispatch_id = gen_random_uuid(), dispatched_at = now() WHERE batch_id = $1"
    await world.database.execute(slipped, held.id)
    (job,), (other,) = await jobs_of(world, held.id), await jobs_of(world, free.id)
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        await (await (await connection.channel()).get_queue("quire.jobs.extract")).purge()
    await world.database.execute("UPDATE documents SET dispatched_at = now() - interval '1 minute'")
    await world.until("SELECT dispatch_id <> $2 FROM documents WHERE batch_id = $1", free.id, other.dispatch_id)
    assert await jobs_of(world, held.id) == [job]
    await world.worker()
    await tenant.resume(held.id)
    assert (await tenant.until_final(held.id)).status == BATCH_STATUS_COMPLETED


async def test_what_runs_finishes_while_the_batch_is_paused(world: World) -> None:
    tenant, go = await world.tenant(documents_in_flight=1), asyncio.Event()

    async def wait(attempt: Attempt) -> None:
        await go.wait()
        await succeed(attempt)

    batch = await tenant.sealed(3)
    worker = await world.worker(wait)
    await worker.until(lambda: len(worker.attempts) == 1)
    await tenant.pause(batch.id)
    go.set()
    await world.until("SELECT succeeded = 1 FROM batch_processes WHERE id = $1", batch.id)
    other = await tenant.sealed(1)
    assert (await tenant.until_final(other.id)).status == BATCH_STATUS_COMPLETED, "a paused batch keeps no place"
    paused = await tenant.get(batch.id)
    assert (paused.counters.queued, paused.counters.processing, list(paused.hold_reasons)) == (2, 0, PAUSE)
    assert not paused.stalled
    await tenant.resume(batch.id)
    assert (await tenant.until_final(batch.id)).counters.succeeded == 3


async def test_a_watcher_is_told_of_pause_and_resume(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    answers = tenant.watch(batch.id)
    await anext(answers)
    async with asyncio.timeout(10):
        await tenant.pause(batch.id)
        while list((await anext(answers)).batch.hold_reasons) != PAUSE:
            pass
        await tenant.resume(batch.id)
        while list((await anext(answers)).batch.hold_reasons):
            pass


async def test_a_batch_paused_past_its_deadline_expires(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)
    await tenant.pause(batch.id)
    await world.database.execute("UPDATE batch_processes SET deadline_at = now() WHERE id = $1", batch.id)
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.expired, list(final.hold_reasons)) == (BATCH_STATUS_EXPIRED, 3, [])
    await world.worker()
    assert (await tenant.retry(batch.id)).retried_count == 3
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_a_paused_batch_can_be_cancelled(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)
    await tenant.pause(batch.id)
    cancelled = await tenant.cancel(batch.id)
    assert (cancelled.status, list(cancelled.hold_reasons)) == (BATCH_STATUS_CANCELLED, [])


async def test_only_a_batch_at_work_is_paused(world: World) -> None:
    tenant = await world.tenant()
    draft, final = await tenant.draft(1), await tenant.cancel((await tenant.sealed(1)).id)
    error = await refused(tenant.pause(draft.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_NOT_SEALED)
    error = await refused(tenant.pause(final.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_NOT_OPEN)
    for batch in (draft, final):
        assert await tenant.resume(batch.id) == await tenant.get(batch.id) == batch
    for call in (tenant.pause(an_id()), tenant.resume(an_id())):
        assert (await refused(call)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("count", [20])
async def test_pauses_and_resumes_that_race_with_claims_lose_nothing(world: World, count: int) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(count)
    await world.worker(slots=4)
    for _ in range(10):
        paused = await tenant.pause(batch.id) if (await tenant.get(batch.id)).counters.queued else None
        await tenant.resume(batch.id)
        if paused is None:
            break
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.succeeded) == (BATCH_STATUS_COMPLETED, count)
