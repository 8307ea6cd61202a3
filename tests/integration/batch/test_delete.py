"""Deleting a batch hides it at once, ends what is open, frees its place; its contents go, what counts stays."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from batch.loops.purge import Purge
from chassis.errors import CallReason
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_FAILED
from quire.batch.v1.batch_service_pb2 import ListBatchesRequest
from quire.work.v1.work_service_pb2 import STOP_REASON_CANCELLED
from tests.integration.batch.sweeps import Ground, sweeping
from tests.integration.batch.tenants import Tenant, an_id, refused
from tests.integration.batch.test_isolation import tables_of_tenants
from tests.integration.batch.workers import Attempt
from tests.integration.batch.world import World

PURGED = "SELECT purged_at IS NOT NULL FROM batch_processes WHERE id = $1"
CANARY = "canary-5b1f"


@pytest.fixture
async def ground(world: World) -> AsyncIterator[Ground]:
    async with sweeping(world) as opened:
        yield opened


async def listed(tenant: Tenant) -> list[str]:
    answer = await tenant.door.batch.ListBatches(ListBatchesRequest(), metadata=tenant.metadata)
    return [batch.id for batch in answer.batches]


async def test_a_deleted_batch_is_hidden_everywhere_and_stays_deleted(world: World) -> None:
    tenant, other = await world.tenant(), await world.tenant()
    batch, kept = await tenant.sealed(2), await tenant.sealed(1)
    (first, _) = await tenant.documents(batch.id)
    assert (await refused(other.delete(batch.id))).code is grpc.StatusCode.NOT_FOUND
    assert (await refused(tenant.delete(an_id()))).code is grpc.StatusCode.NOT_FOUND
    for _ in range(2):
        await tenant.delete(batch.id)
    assert await listed(tenant) == [kept.id]
    for call in (
        tenant.get(batch.id),
        tenant.documents(batch.id),
        tenant.document(first),
        tenant.attempts(first),
        tenant.results(batch.id),
        tenant.cancel(batch.id),
        tenant.pause(batch.id),
        tenant.resume(batch.id),
        tenant.retry(batch.id),
        tenant.cancel_documents(batch.id, [first.id]),
        anext(tenant.watch(batch.id)),
    ):
        assert (await refused(call)).code is grpc.StatusCode.NOT_FOUND
    assert await world.ask("SELECT status FROM batch_processes WHERE id = $1", batch.id) == "CANCELLED"


async def test_deleting_frees_the_place_of_an_open_batch_though_a_document_still_runs(world: World) -> None:
    tenant, go = await world.tenant(open_batches=1), asyncio.Event()

    async def linger(attempt: Attempt) -> None:
        assert await attempt.stop_asked(60) == STOP_REASON_CANCELLED
        await go.wait()
        await attempt.fail("CANCELLED")

    batch = await tenant.sealed(2)
    worker = await world.worker(linger)
    await worker.until(lambda: len(worker.attempts) == 2)
    assert (await refused(tenant.create())).reason == "QUOTA_EXHAUSTED"
    await tenant.delete(batch.id)
    assert (await tenant.create()).id
    for attempt in worker.attempts:
        await attempt.stop_asked()
    assert await world.ask("SELECT status FROM batch_processes WHERE id = $1", batch.id) == "CANCELLING"
    assert not await world.ask(PURGED, batch.id)
    go.set()
    await world.until(PURGED, batch.id)


async def test_a_watcher_of_a_batch_that_is_deleted_is_told(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    answers = tenant.watch(batch.id)
    await anext(answers)
    await tenant.delete(batch.id)
    async with asyncio.timeout(10):
        assert (await refused(anext(answers))).code is grpc.StatusCode.NOT_FOUND


async def test_the_terminal_event_of_a_deleted_batch_is_told_once(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(1)
    await tenant.delete(batch.id)
    await subscriber.until_terminal([batch.id])
    assert len(subscriber.terminal_ids(batch.id)) == 1


async def canaries(world: World) -> list[str]:
    """Tables that hold the canary."""
    found: list[str] = []
    for table in await tables_of_tenants(world):
        if await world.ask(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%{CANARY}%'"):
            found.append(table)  # noqa: PERF401 - one statement after the other
    return found


async def finished(world: World, ground: Ground, tenant: Tenant) -> str:
    """A final batch with contents in every column and in the store: a success and a failure."""
    batch = await tenant.create(name=CANARY, description=CANARY, extraction_prompt=CANARY)
    for number, document in enumerate(await tenant.announce(batch.id, 2, media_type=CANARY), start=1):
        await world.database.execute("UPDATE documents SET name = $1 WHERE id = $2", CANARY, document.id)
        await ground.put(key := (await tenant.begin(document)).object_key)
        await tenant.complete(document, key, b"%d" % number)
    storing = ground.storing()

    async def work(attempt: Attempt) -> None:
        await (storing(attempt) if attempt.claim.position == 1 else attempt.fail(message=CANARY))

    await world.worker(work)
    await tenant.seal(batch.id)
    await tenant.until_final(batch.id)
    await world.until("SELECT count(*) = 0 FROM outbox")
    return batch.id


async def test_a_purge_removes_every_content_and_keeps_what_counts(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch_id = await finished(world, ground, tenant)
    before, prefix = await tenant.get(batch_id), f"t/{tenant.id}/b/{batch_id}/"
    assert set(await canaries(world)) == {"batch_processes", "documents", "document_attempts"}
    assert len(await ground.keys(prefix)) == 3
    await world.database.execute("UPDATE batch_processes SET purge_at = now() WHERE id = $1", batch_id)
    await world.until(PURGED, batch_id)
    await world.until("SELECT sweep_at = purged_at + interval '1 day' FROM batch_processes WHERE id = $1", batch_id)
    assert await canaries(world) == []
    assert await ground.keys(prefix) == []
    after = await tenant.get(batch_id)
    assert (after.status, after.counters, after.retry_generation) == (before.status, before.counters, 0)
    assert after.version > before.version
    first, second = await tenant.documents(batch_id)
    assert (first.name, first.status, second.error.code) == ("", first.status, "FILE_CORRUPT")
    assert [one.outcome for one in await tenant.attempts(second)] == ["failed"]
    for call in (tenant.results(batch_id), tenant.retry(batch_id)):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_PURGED)
    await tenant.delete(batch_id)


async def test_objects_that_come_after_a_purge_go_a_day_later(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch = await tenant.cancel((await tenant.sealed(1)).id)
    await tenant.delete(batch.id)
    await world.until("SELECT sweep_at > now() FROM batch_processes WHERE id = $1", batch.id)
    late = f"t/{tenant.id}/b/{batch.id}/d/{an_id()}/u/{an_id()}"
    await ground.put(late)
    await Purge(ground.database, ground.blobs).round()
    assert await ground.keys(late) == [late]
    a_day_on = "UPDATE batch_processes SET purged_at = purged_at - interval '1 day', sweep_at = now() WHERE id = $1"
    await world.database.execute(a_day_on, batch.id)
    await world.until("SELECT sweep_at IS NULL FROM batch_processes WHERE id = $1", batch.id)
    assert await ground.keys(late) == []


async def test_a_batch_that_is_open_or_whose_uploads_are_reused_is_not_purged(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    running, source, reusing = [await tenant.sealed(1) for _ in range(3)]
    await tenant.cancel(source.id)
    await world.database.execute("UPDATE batch_processes SET purge_at = now() - interval '1 day'")
    reuse = "UPDATE batch_processes SET source_batch_id = $1 WHERE id = $2"
    await world.database.execute(reuse, source.id, reusing.id)
    purge = Purge(ground.database, ground.blobs)
    await purge.round()
    assert [await world.ask(PURGED, batch.id) for batch in (running, source, reusing)] == [False] * 3
    await tenant.delete(reusing.id)
    await world.until(PURGED, reusing.id)
    await world.until(PURGED, source.id)
    assert not await world.ask(PURGED, running.id)
    await world.worker()
    assert (await tenant.until_final(running.id)).status == BATCH_STATUS_COMPLETED
    await world.until(PURGED, running.id)


async def test_a_purge_that_was_cut_off_before_the_objects_went_goes_on(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch = await tenant.cancel((await tenant.sealed(1)).id)
    await ground.put(f"t/{tenant.id}/b/{batch.id}/d/{an_id()}/u/{an_id()}")
    blank = "UPDATE batch_processes SET purged_at = now(), sweep_at = now() WHERE id = $1"
    await world.database.execute(blank, batch.id)
    await world.until("SELECT sweep_at > now() FROM batch_processes WHERE id = $1", batch.id)
    assert await ground.keys(f"t/{tenant.id}/b/{batch.id}/") == []


async def test_a_retry_begins_the_retention_anew(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)

    async def corrupt(attempt: Attempt) -> None:
        await attempt.fail()

    await world.worker(corrupt)
    await tenant.until_final(batch.id)
    await world.database.execute("UPDATE batch_processes SET purge_at = now() + interval '1 minute'")
    retried = (await tenant.retry(batch.id)).batch
    assert retried.purge_time.ToSeconds() - retried.update_time.ToSeconds() > 86_400
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_FAILED
