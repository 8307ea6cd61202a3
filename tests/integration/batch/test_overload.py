"""More than the service can do: it is shed at the door, what was let in goes on, and what moves work is let in."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.errors import CallReason
from quire.admin.v1.admin_service_pb2 import ListTenantsRequest
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest, WatchBatchRequest
from tests.cost import spread, tell
from tests.integration.batch.tenants import Door, Tenant, refused
from tests.integration.batch.workers import Worker, succeed
from tests.integration.batch.world import World
from tests.waiting import until_true

AT_ONCE = 8
FEW = {"QUIRE_CALLS_AT_ONCE": str(AT_ONCE), "QUIRE_STREAMS_AT_ONCE": "4"}


@pytest.fixture
async def busy(world: World) -> Door:
    """A replica with few places."""
    replica = await world.replica("rpc", **FEW)
    return await world.door_to(replica.address)


@asynccontextmanager
async def locked(world: World, tenant: Tenant) -> AsyncGenerator[None]:
    """While it lasts, creates of this tenant stay inside the service."""
    holder = await world.connect()
    await holder.execute("BEGIN")
    await holder.value("SELECT id FROM tenants WHERE id = $1 FOR UPDATE", tenant.id)
    try:
        yield
    finally:
        await holder.execute("ROLLBACK")
        await holder.close()


async def timed(call: Coroutine[Any, Any, Any]) -> tuple[object, float]:
    began = time.monotonic()
    try:
        answer: object = await call
    except grpc.aio.AioRpcError as error:
        answer = error
    return answer, time.monotonic() - began


@pytest.mark.catalogue("G16")
async def test_ten_times_too_many_calls_are_shed_and_those_let_in_succeed(world: World, busy: Door) -> None:
    ann = (await world.tenant()).through(busy)
    async with locked(world, ann):
        flood = [asyncio.create_task(timed(ann.create())) for _ in range(10 * AT_ONCE)]
        await until_true(lambda: sum(one.done() for one in flood) == 10 * AT_ONCE - AT_ONCE // 2, 10)
        shed = [one.result() for one in flood if one.done()]
        for error, _ in shed:
            assert isinstance(error, grpc.aio.AioRpcError)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        single = [await timed(ann.create()) for _ in range(20)]
    answers = [await one for one in flood]
    inside = [seconds for answer, seconds in answers if not isinstance(answer, grpc.aio.AioRpcError)]
    assert len(inside) == AT_ONCE // 2
    tell(f"{len(shed)} shed at once: {spread(shed)}; one by one: {spread(single)}")
    assert all(isinstance(error, grpc.aio.AioRpcError) for error, _ in single)
    assert await world.ask("SELECT count(*) FROM batch_processes WHERE tenant_id = $1", ann.id) == AT_ONCE // 2


async def test_a_flood_of_one_tenant_leaves_places_to_others_and_none_to_too_many(world: World, busy: Door) -> None:
    ann, bob, eve = [(await world.tenant()).through(busy) for _ in range(3)]
    async with locked(world, ann), locked(world, bob):
        flood = [asyncio.create_task(ann.create()) for _ in range(AT_ONCE // 2)]
        await _inside(world, AT_ONCE // 2)
        error = await refused(ann.create())
        assert (error.reason, error.retry_after) == (CallReason.OVERLOADED, 1.0)
        await busy.batch.GetLimits(GetLimitsRequest(), metadata=bob.metadata)
        flood += [asyncio.create_task(bob.create()) for _ in range(AT_ONCE // 2)]
        await _inside(world, AT_ONCE)
        call = busy.batch.GetLimits(GetLimitsRequest(), metadata=eve.metadata)
        assert (await refused(call)).reason == CallReason.OVERLOADED
    await asyncio.gather(*flood)
    await busy.batch.GetLimits(GetLimitsRequest(), metadata=eve.metadata)


async def test_workers_uploads_operators_and_health_checks_are_let_in_whatever_tenants_do(
    world: World, busy: Door
) -> None:
    ann, bob, eve = [(await world.tenant()).through(busy) for _ in range(3)]
    batch = await eve.create()
    (document,) = await eve.announce(batch.id)
    async with locked(world, ann), locked(world, bob):
        flood = [asyncio.create_task(one.create()) for one in (ann, bob) for _ in range(AT_ONCE // 2)]
        await _inside(world, AT_ONCE)
        await eve.upload(document)
        await busy.admin.ListTenants(ListTenantsRequest(), metadata=busy.operator)
        health = cast("Any", health_pb2_grpc.HealthStub)(busy.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await world.leaving.enter_async_context(Worker(busy, succeed))
    await asyncio.gather(*flood)
    await eve.seal(batch.id)
    assert (await eve.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_too_many_watchers_are_shed_and_places_are_free_once_they_leave(world: World, busy: Door) -> None:
    ann = (await world.tenant()).through(busy)
    batch = await ann.create()

    async def watching() -> Any:
        call: Any = busy.batch.WatchBatch(WatchBatchRequest(batch_id=batch.id), metadata=ann.metadata)
        await call.read()
        return call

    for _ in range(3):
        watches = [await let_in(watching) for _ in range(2)]  # half of all
        assert (await refused(watching())).reason == CallReason.OVERLOADED
        assert (await ann.get(batch.id)).id == batch.id
        for watch in watches:
            watch.cancel()


async def let_in(call: Callable[[], Awaitable[Any]]) -> Any:
    """What a call answers as soon as there is a place for it."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(0.05)


async def _inside(world: World, count: int) -> None:
    """So many creates wait for a lock in the database."""
    await world.until(
        "SELECT count(*) = $1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'quire_api'", count
    )
