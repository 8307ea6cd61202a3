"""Watching a batch: a snapshot at once, then what changes, to the end; and on from any version."""

import asyncio

import grpc
import pytest

from chassis.errors import CallReason, from_rpc_error
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_PENDING
from quire.batch.v1.batch_service_pb2 import WatchBatchResponse
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_SUCCEEDED
from tests.integration.batch.tenants import FINAL, Tenant
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


async def watched(tenant: Tenant, batch_id: str, seconds: float = 30, **fields: object) -> list[WatchBatchResponse]:
    """Everything a watch answers to its end."""
    async with asyncio.timeout(seconds):
        return [answer async for answer in tenant.watch(batch_id, **fields)]


async def test_a_watch_begins_with_a_snapshot_and_ends_with_the_final_one(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(10)
    watching = asyncio.create_task(watched(tenant, batch.id))
    await world.worker()
    snapshots = [answer.batch for answer in await watching]
    versions = [snapshot.version for snapshot in snapshots]
    assert versions == sorted(set(versions))
    assert [snapshot.status in FINAL for snapshot in snapshots].count(True) == 1
    assert snapshots[-1] == await tenant.get(batch.id)
    assert snapshots[-1].status == BATCH_STATUS_COMPLETED
    for snapshot in snapshots:
        counters = snapshot.counters
        assert counters.total == 10
        assert counters.queued + counters.processing + counters.retry_wait + counters.processed == 10


async def test_a_watch_of_a_final_batch_answers_once_and_ends(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.cancel((await tenant.create()).id)
    (answer,) = await watched(tenant, batch.id, include_documents=True)
    assert answer.batch == batch


async def test_a_watch_tells_changes_within_a_second(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    answers = tenant.watch(batch.id)
    assert (await anext(answers)).batch.status == BATCH_STATUS_PENDING
    for count in (1, 2, 3):
        await tenant.announce(batch.id)
        async with asyncio.timeout(2):
            assert (await anext(answers)).batch.counters.total == count
    await tenant.cancel(batch.id)
    async with asyncio.timeout(2):
        assert (await anext(answers)).batch.status in FINAL
        assert [answer async for answer in answers] == []


async def test_a_watch_that_resumes_is_told_what_changed_since(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    first, second = await tenant.announce(batch.id, 2)
    seen = await tenant.get(batch.id)
    await tenant.upload(second)
    answers = tenant.watch(batch.id, after_version=seen.version, include_documents=True)
    async with asyncio.timeout(5):
        answer = await anext(answers)
    assert answer.batch.version > seen.version
    assert [document.id for document in answer.documents] == [second.id]
    await tenant.upload(first, b"other")
    async with asyncio.timeout(5):
        assert [document.id for document in (await anext(answers)).documents] == [first.id]
    await tenant.cancel(batch.id)


async def test_a_watch_pages_through_more_documents_than_fit_into_an_answer(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    for _ in range(2):
        await tenant.announce(batch.id, 600)
    answers = tenant.watch(batch.id, include_documents=True)
    pages = [await anext(answers) for _ in range(3)]
    assert [len(page.documents) for page in pages] == [500, 500, 200]
    assert [page.HasField("batch") for page in pages] == [False, False, True]
    assert sorted(document.position for page in pages for document in page.documents) == list(range(1, 1_201))
    between = (await tenant.documents(batch.id))[0].changed_version
    resumed = tenant.watch(batch.id, include_documents=True, after_version=between)
    pages = [await anext(resumed) for _ in range(2)]
    assert {document.position for page in pages for document in page.documents} == set(range(601, 1_201))
    await tenant.cancel(batch.id)


async def test_documents_told_by_a_watch_add_up_to_what_is_listed(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(12)
    watching = asyncio.create_task(watched(tenant, batch.id, include_documents=True))
    await world.worker(succeed, slots=3)
    told = {document.id: document for answer in await watching for document in answer.documents}
    assert set(told) == {document.id for document in await tenant.documents(batch.id)}
    assert {document.status for document in told.values()} == {DOCUMENT_STATUS_SUCCEEDED}


async def test_many_watchers_see_the_same_end(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(5)
    watching = [asyncio.create_task(watched(tenant, batch.id)) for _ in range(40)]
    await world.worker()
    ends = {answers[-1].batch.version for answers in await asyncio.gather(*watching)}
    assert ends == {(await tenant.get(batch.id)).version}


async def test_a_watch_of_a_replica_that_stops_is_unavailable_and_goes_on_at_another(world: World) -> None:
    tenant, replica = await world.tenant(), await world.replica("rpc")
    batch = await tenant.sealed(2)
    answers = tenant.through(await world.door_to(replica.address)).watch(batch.id)
    last = (await anext(answers)).batch
    assert await asyncio.to_thread(replica.terminate) == 0
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(answers)
    error = from_rpc_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE)
    assert error.retry_after is not None
    resuming = asyncio.create_task(watched(tenant, batch.id, after_version=last.version))
    await world.worker()
    snapshots = [answer.batch for answer in await resuming]
    assert all(snapshot.version > last.version for snapshot in snapshots)
    assert snapshots[-1].status == BATCH_STATUS_COMPLETED


async def test_a_slow_watcher_gets_the_newest_and_not_everything(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(20)
    answers = tenant.watch(batch.id)
    await anext(answers)
    told: list[Attempt] = []

    async def work(attempt: Attempt) -> None:
        told.append(attempt)
        await succeed(attempt)

    await world.worker(work)
    await tenant.until_final(batch.id)
    rest = [answer.batch async for answer in answers]
    assert rest[-1].status == BATCH_STATUS_COMPLETED
    assert len(rest) < 3 * len(told)
