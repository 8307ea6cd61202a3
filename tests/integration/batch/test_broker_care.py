"""The chassis against a broker that misbehaves: links that fall silent, queues that vanish or lose their leader."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from chassis.amqp import BrokerAway, Consumer, Doctor, Publisher, PublisherStuck, PublishFailed, Refused, State
from chassis.lifecycle import run_until_stopped
from chassis.topology import EVENTS, EVENTS_LOG, JOBS_EXTRACT, Exchange, Queue
from deploy.local import processes, rabbitmq, settings
from deploy.local.home import Home
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from tests.integration.batch.links import blocked, link_to, unblocked
from tests.integration.batch.processes import Servers
from tests.integration.batch.test_faults import bring_back
from tests.integration.batch.world import World
from tests.waiting import until, until_true

QUICK_DEADLINE = 0.3


@pytest.fixture
def url(servers: Servers) -> str:
    return servers["QUIRE_AMQP_URL"]


@pytest.fixture
async def channel(url: str) -> AsyncIterator[AbstractChannel]:
    """What an operator does by hand."""
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel()


@pytest.fixture
async def queue(url: str, request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    """A queue of the test's own."""
    name = f"test.{abs(hash(request.node.name))}"
    yield Queue(name, Exchange(name, aio_pika.ExchangeType.DIRECT), "key", {"x-queue-type": "quorum"})
    connection = await aio_pika.connect(url)
    async with connection:
        await (await connection.channel()).queue_delete(name)
        await (await connection.channel()).exchange_delete(name)


@pytest.fixture
async def publisher(url: str, queue: Queue) -> AsyncIterator[Publisher]:
    made = Publisher(url, "test", queue)
    yield made
    await made.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.amqp.publisher.DEADLINE", QUICK_DEADLINE)


async def send(publisher: Publisher, queue: Queue) -> None:
    await publisher.publish(queue.exchange, queue.binding, b"x")


async def refuse(publisher: Publisher, queue: Queue) -> None:
    with pytest.raises(Refused):
        await send(publisher, queue)


async def test_a_publisher_declares_again_what_an_operator_took_away(
    publisher: Publisher, queue: Queue, channel: AbstractChannel
) -> None:
    await send(publisher, queue)
    await channel.queue_delete(queue.name)
    with pytest.raises(PublishFailed, match="no queue takes it"):
        await send(publisher, queue)
    await send(publisher, queue)
    await channel.exchange_delete(queue.exchange.name)
    results = await asyncio.gather(*(send(publisher, queue) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(result, PublishFailed) for result in results)
    await asyncio.gather(*(send(publisher, queue) for _ in range(20)))


@pytest.mark.usefixtures("quick")
async def test_a_publisher_reconnects_to_a_silent_broker_and_gives_up_in_the_end(url: str, queue: Queue) -> None:
    async with link_to(url) as (link, through):
        publisher = Publisher(through, "test", queue)
        await publisher.start()
        await send(publisher, queue)
        link.withhold_confirms()
        for opened in (1, 1, 1, 2, 2, 2, 3, 3, 3):
            await refuse(publisher, queue)
            assert link.opened == opened
            assert publisher.ended
            assert not publisher.ended.done()
        assert await run_until_stopped([_Dying(publisher, queue)], 5) == 1
        assert isinstance(publisher.ended.exception(), PublisherStuck)
        await publisher.stop()


async def opened(publisher: Publisher) -> bool:
    try:
        await publisher.open()
    except BrokerAway:
        return False
    return True


class _Dying:
    """A part of a process that publishes once more."""

    def __init__(self, publisher: Publisher, queue: Queue) -> None:
        self._publisher = publisher
        self._queue = queue

    @property
    def ended(self) -> asyncio.Future[None] | None:
        return self._publisher.ended

    async def start(self) -> None:
        await refuse(self._publisher, self._queue)

    async def stop(self) -> None:
        pass


@pytest.mark.usefixtures("quick")
async def test_what_was_in_flight_together_is_one_silence_and_a_confirm_ends_the_row(url: str, queue: Queue) -> None:
    async with link_to(url) as (link, through):
        publisher = Publisher(through, "test", queue)
        await publisher.start()
        for _ in range(4):
            link.withhold_nothing()
            await send(publisher, queue)
            link.withhold_confirms()
            for _ in range(2):
                await asyncio.gather(*(refuse(publisher, queue) for _ in range(20)))
        assert link.opened == 1
        assert publisher.ended
        assert not publisher.ended.done()
        await publisher.stop()


@pytest.mark.usefixtures("quick")
async def test_a_link_that_is_dead_is_replaced_at_once_and_no_refusal(url: str, queue: Queue) -> None:
    async with link_to(url) as (link, through):
        publisher = Publisher(through, "test", queue)
        await send(publisher, queue)
        link.withhold_everything()
        results = await asyncio.gather(*(send(publisher, queue) for _ in range(20)), return_exceptions=True)
        assert {type(result) for result in results} == {PublishFailed}
        link.withhold_nothing()
        await send(publisher, queue)
        assert link.opened == 2
        await publisher.close()


@pytest.mark.usefixtures("quick")
async def test_a_broker_short_of_disk_is_waited_for(url: str, queue: Queue) -> None:
    async with link_to(url) as (link, through):
        publisher = Publisher(through, "test", queue)
        await publisher.start()
        await publisher.open()
        link.withhold_confirms()
        link.say(blocked())
        for _ in range(12):
            with pytest.raises(PublishFailed, match="short of memory or disk") as failure:
                await send(publisher, queue)
            assert not isinstance(failure.value, Refused)
        with pytest.raises(BrokerAway, match="short of memory or disk"):
            await publisher.open()
        assert link.opened == 1
        assert publisher.ended
        assert not publisher.ended.done()
        link.withhold_nothing()
        link.say(unblocked())
        await until(lambda: opened(publisher))
        await send(publisher, queue)
        await publisher.stop()


@pytest.mark.usefixtures("quick")
async def test_a_broker_that_is_down_is_waited_for(queue: Queue) -> None:
    publisher = Publisher("amqp://quire:quire@127.0.0.1:9/", "test", queue)
    await publisher.start()
    for _ in range(12):
        with pytest.raises(PublishFailed) as failure:
            await send(publisher, queue)
        assert not isinstance(failure.value, Refused)
        with pytest.raises(BrokerAway):
            await publisher.open()
    assert publisher.ended
    assert not publisher.ended.done()
    await publisher.stop()


@pytest.mark.parametrize("how", ["the queue is deleted", "the channel is closed"])
async def test_a_consumer_goes_on_when(
    how: str, url: str, queue: Queue, channel: AbstractChannel, publisher: Publisher
) -> None:
    delivered = asyncio.Queue[AbstractIncomingMessage]()
    consumer = Consumer(url, "test", queue, 10, delivered.put)
    await consumer.start()
    await send(publisher, queue)
    first = await asyncio.wait_for(delivered.get(), 10)
    if how == "the queue is deleted":
        await channel.queue_delete(queue.name)
    else:  # as the broker does when an ack stays out for longer than its consumer_timeout
        underlay: Any = first.channel
        await underlay.basic_ack((first.delivery_tag or 0) + 1_000)
    async with asyncio.timeout(15):
        while delivered.empty():
            with suppress(PublishFailed):
                await send(publisher, queue)
            await asyncio.sleep(0.1)
    await consumer.stop()


async def test_a_consumer_notices_a_link_that_is_half_open(
    monkeypatch: pytest.MonkeyPatch, url: str, queue: Queue, publisher: Publisher
) -> None:
    monkeypatch.setattr("chassis.amqp.connection.HEARTBEAT", 1)
    delivered = asyncio.Queue[AbstractIncomingMessage]()
    async with link_to(url) as (link, through):
        consumer = Consumer(through, "test", queue, 1, delivered.put)
        await consumer.start()
        await until_true(lambda: link.opened == 1)
        await send(publisher, queue)
        await (await asyncio.wait_for(delivered.get(), 10)).ack()
        link.withhold_everything()
        await send(publisher, queue)
        await until_true(lambda: link.opened > 1, 30)
        link.withhold_nothing()
        await asyncio.wait_for(delivered.get(), 30)
        await consumer.stop()


async def test_a_consumer_whose_loop_dies_takes_the_process_down(
    monkeypatch: pytest.MonkeyPatch, url: str, queue: Queue
) -> None:
    async def fault(_: Consumer) -> None:
        raise ValueError("no broker raises this")

    monkeypatch.setattr(Consumer, "_consume", fault)

    async def never(_: AbstractIncomingMessage) -> None:
        raise AssertionError

    assert await run_until_stopped([Consumer(url, "test", queue, 1, never)], 5) == 1


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
    await send(publisher, queue)
    assert [(one.state, one.ready) for one in await doctor.examine(queue)] == [(State.WELL, 1)]
    await kill_at_once(url, home, queue)
    (found,) = await doctor.examine(queue)
    if found.state is State.WELL:
        pytest.skip("this broker elects a leader in time")
    await doctor.recreate(queue)
    await send(publisher, queue)
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
    await asyncio.to_thread(world.service.start)
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
