"""Servers and services that break in the middle of a run: nothing is lost, nothing counts twice."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import aio_pika
import grpc
import pytest

from chassis.errors import CallReason
from chassis.topology import EVENTS_LOG, JOBS_EXTRACT, PROGRESS_FOLD
from deploy.local import processes
from deploy.local.home import Home
from deploy.local.report import Report
from deploy.local.stack import up
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, Batch
from tests.integration.batch.subscribers import Subscriber
from tests.integration.batch.tenants import Tenant, an_id, refused
from tests.integration.batch.workers import Attempt
from tests.integration.batch.world import World
from tests.waiting import until_true

SILENT = Report(silent=True)


async def slowly(attempt: Attempt) -> None:
    await attempt.progress()
    await asyncio.sleep(0.05)
    await attempt.extract()


async def break_off(home: Path, part: str, number: signal.Signals) -> None:
    """Send a server a deadly signal and return once it is gone."""
    record = processes.recorded(Home(home), part)
    assert record is not None
    os.kill(record.pid, number)
    await until_true(lambda: not record.running())


async def bring_back(home: Path) -> None:
    await asyncio.to_thread(up, Home(home), {}, SILENT, with_services=False)


async def assert_whole(world: World, tenant: Tenant, subscriber: Subscriber, batches: list[Batch]) -> None:
    """Every document of batches that were broken into is final once, and whoever listens heard it."""
    finals = [await tenant.until_final(batch.id, 60) for batch in batches]
    assert {final.status for final in finals} == {BATCH_STATUS_COMPLETED}
    await world.until("SELECT count(*) = 0 FROM outbox")
    await subscriber.until(lambda: all(len(subscriber.sequences(one.id)) == one.sequence for one in finals))
    for final in finals:
        assert len(subscriber.terminal_ids(final.id)) == 1
        assert subscriber.sequences(final.id) == list(range(1, final.sequence + 1))
    assert world.service.running


async def run_and_break(
    world: World, breaking: Callable[[], Awaitable[None]]
) -> tuple[Tenant, Subscriber, list[Batch]]:
    """Set 60 documents to work and break something once some are done."""
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batches = [await tenant.sealed(20) for _ in range(3)]
    await world.worker(slowly, slots=4)
    await world.until("SELECT sum(succeeded) >= 8 FROM batch_processes WHERE tenant_id = $1", tenant.id)
    await breaking()
    return tenant, subscriber, batches


@pytest.mark.usefixtures("seasoned_broker")
async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(world: World, home: Path) -> None:
    async def kill_the_broker() -> None:
        await break_off(home, "rabbitmq", signal.SIGKILL)
        assert (await tenant_of_its_own.create()).id, "accepting goes on without a broker"
        await bring_back(home)

    tenant_of_its_own = await world.tenant()
    await assert_whole(world, *await run_and_break(world, kill_the_broker))


async def test_queues_that_are_purged_lose_nothing(world: World) -> None:
    async def purge() -> None:
        connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
        async with connection:
            channel = await connection.channel()
            await (await channel.get_queue(JOBS_EXTRACT.name)).purge()

    await assert_whole(world, *await run_and_break(world, purge))


async def test_queues_that_are_deleted_are_declared_and_consumed_again(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.draft(3)
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        for queue in (JOBS_EXTRACT, PROGRESS_FOLD):
            await channel.queue_delete(queue.name)
    await tenant.seal(batch.id)
    await world.worker()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_a_broken_log_of_events_keeps_events_waiting_and_nothing_else(world: World) -> None:
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        world.service.kill()
        await channel.queue_delete(EVENTS_LOG.name)
        await channel.declare_queue(EVENTS_LOG.name, durable=True)  # no stream: it cannot be declared as one
        await world.start_service()
        tenant, subscriber = await world.tenant(), await world.subscriber()
        batch = await tenant.sealed(3)
        await world.worker()
        assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
        assert await world.ask("SELECT count(*) FROM outbox WHERE batch_id = $1", batch.id) > 0
        await channel.queue_delete(EVENTS_LOG.name)
    await subscriber.until_terminal([batch.id])
    await world.until("SELECT count(*) = 0 FROM outbox")


async def test_a_database_that_restarts_at_once_loses_nothing(world: World, home: Path) -> None:
    async def restart_the_database() -> None:
        await break_off(home, "postgres", signal.SIGQUIT)
        error = await refused(tenant_of_its_own.create())
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE)
        await bring_back(home)
        await world.database.close()
        world.database = await world.connect()

    tenant_of_its_own = await world.tenant()
    await assert_whole(world, *await run_and_break(world, restart_the_database))


async def test_one_connection_that_is_killed_is_replaced(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('quire_api', 'quire_engine')"
    for _ in range(3):
        await world.database.execute(kill)
        assert (await tenant.get(batch.id)).id == batch.id
    assert world.service.running


async def test_a_service_that_is_killed_and_comes_back_loses_nothing(world: World) -> None:
    async def kill_the_service() -> None:
        world.service.kill()
        await world.start_service()

    await assert_whole(world, *await run_and_break(world, kill_the_service))


async def test_a_service_that_drains_marks_no_document_lost(world: World) -> None:
    async def restart_the_service() -> None:
        assert await asyncio.to_thread(world.service.terminate) == 0
        await world.start_service()

    tenant, subscriber, batches = await run_and_break(world, restart_the_service)
    await assert_whole(world, tenant, subscriber, batches)
    assert await world.ask("SELECT sum(losses) FROM documents WHERE tenant_id = $1", tenant.id) == 0


@pytest.mark.timeout(120)
async def test_replicas_that_restart_one_after_the_other_fail_no_unary_call(world: World) -> None:
    replicas = [await world.replica("rpc"), await world.replica("rpc")]
    door = await world.door_to("ipv4:" + ",".join(replica.address for replica in replicas))
    tenant = (await world.tenant(creates_per_minute=100_000)).through(door)
    batch = await tenant.create()
    calls, stop = [0], asyncio.Event()

    async def call() -> None:
        while not stop.is_set():
            assert (await tenant.get(batch.id)).id == batch.id
            made = await tenant.create(request_id=an_id())
            await tenant.cancel(made.id)
            calls[0] += 3

    async def some_more() -> None:
        enough = calls[0] + 60
        await until_true(lambda: calls[0] >= enough)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(call())
        for replica in replicas:
            await some_more()
            assert await asyncio.to_thread(replica.terminate) == 0
            await some_more()
            await asyncio.to_thread(replica.start)
        await some_more()
        stop.set()
