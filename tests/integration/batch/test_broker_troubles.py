"""The batch service while its broker is in trouble: queues without a leader, no disk, strangers that refuse."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from chassis.amqp import Doctor, Publisher, State
from chassis.topology import EVENTS, EVENTS_LOG, JOBS_EXTRACT, Queue
from deploy.local import processes, rabbitmq, settings
from deploy.local.home import Home
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from tests.integration.batch.test_faults import bring_back
from tests.integration.batch.world import World
from tests.waiting import until_true


async def kill_at_once(url: str, home: Path, queue: Queue) -> None:
    """Declare a queue and kill the broker before the queue has written that it leads itself; then start it again."""
    record = processes.recorded(Home(home), "rabbitmq")
    assert record is not None
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await channel.queue_delete(queue.name)
    await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
    os.kill(record.pid, signal.SIGKILL)
    await until_true(lambda: not record.running())
    await connection.close()
    await bring_back(home)


@pytest.mark.usefixtures("seasoned_broker")
async def test_a_doctor_knows_a_queue_without_a_leader_and_makes_it_anew(
    url: str, home: Path, queue: Queue, publisher: Publisher
) -> None:
    doctor = Doctor(url, "test")
    assert [one.state for one in await doctor.examine(queue)] == [State.MISSING]
    await doctor.declare(queue)
    await publisher.publish(queue.exchange, queue.binding, b"x")
    assert [(one.state, one.ready) for one in await doctor.examine(queue)] == [(State.WELL, 1)]
    await kill_at_once(url, home, queue)
    (found,) = await doctor.examine(queue)
    if found.state is State.WELL:
        pytest.skip("this broker elects a leader in time")
    await doctor.recreate(queue)
    await publisher.publish(queue.exchange, queue.binding, b"x")
    assert [(one.state, one.ready) for one in await doctor.examine(queue)] == [(State.WELL, 1)]


@pytest.mark.slow
@pytest.mark.usefixtures("seasoned_broker")
async def test_jobs_whose_queue_has_no_leader_are_worked_all_the_same(world: World, home: Path, url: str) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(5)
    await world.until("SELECT count(dispatch_id) = 5 FROM documents WHERE batch_id = $1", batch.id)
    world.service.kill()
    await kill_at_once(url, home, JOBS_EXTRACT)
    (found,) = await Doctor(url, "test").examine(JOBS_EXTRACT)
    await world.start_service()
    await world.worker()
    assert (await tenant.until_final(batch.id, 80)).status == BATCH_STATUS_COMPLETED
    assert world.service.running
    healed = any(line["event"] == "queue_made_anew" for line in world.service.events())
    assert healed or found.state is State.WELL


async def operate(home: Path, *words: str) -> None:
    """What an operator tells the broker."""
    here = Home(home)
    part = rabbitmq.part(here, settings.read(here.env_file))
    command = Path(part.argv[0]).with_name("rabbitmqctl"), "-n", part.environ["RABBITMQ_NODENAME"], *words
    await asyncio.to_thread(subprocess.run, command, env=dict(part.environ), check=True, capture_output=True)


@pytest.mark.slow
async def test_a_broker_short_of_disk_keeps_documents_waiting_and_ends_nothing(world: World, home: Path) -> None:
    tenant = await world.tenant()
    await operate(home, "set_disk_free_limit", "1000000GB")
    try:
        batch = await tenant.sealed(3)
        await until_true(lambda: "short of memory or disk" in world.service.log.read_text())
        assert (await tenant.get(batch.id)).counters.queued == 3, "accepting goes on"
    finally:
        await operate(home, "set_disk_free_limit", "50MB")
    await world.worker()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    assert world.service.running


async def test_a_strangers_queue_that_refuses_does_not_keep_events_waiting(
    world: World, channel: AbstractChannel
) -> None:
    arguments: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    stranger = await channel.declare_queue("test.full", durable=True, arguments=arguments)
    await stranger.bind(EVENTS.name, "#")
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(3)
    await world.worker()
    await tenant.until_final(batch.id)
    await subscriber.until_terminal([batch.id])
    await world.until("SELECT count(*) = 0 FROM outbox")
    await stranger.delete(if_empty=False)
    detoured = {line["event_id"] for line in world.service.events() if line["event"] == "event_detoured"}
    assert subscriber.terminal_ids(batch.id) <= detoured
    assert subscriber.terminal_ids(batch.id) <= await logged_ids(channel)


async def logged_ids(channel: AbstractChannel) -> set[str]:
    """Ids of the events in the log, in whichever way they came."""
    await channel.set_qos(prefetch_count=1_000)
    log, found = await channel.get_queue(EVENTS_LOG.name), asyncio.Queue[AbstractIncomingMessage]()
    await log.consume(found.put, arguments={"x-stream-offset": "first"})
    ids = set[str]()
    while True:
        try:
            message = await asyncio.wait_for(found.get(), 2)
        except TimeoutError:
            return ids
        await message.ack()
        ids.add(str(message.headers["cloudEvents:id"]))
