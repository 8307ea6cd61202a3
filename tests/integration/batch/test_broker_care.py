"""The chassis against a broker that misbehaves: links that fall silent, queues that vanish or lose their leader."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from chassis.amqp import BrokerAway, Consumer, Publisher, PublisherStuck, PublishFailed, Refused
from chassis.lifecycle import run_until_stopped
from chassis.topology import Queue
from tests.integration.batch.links import blocked, link_to, unblocked
from tests.waiting import until, until_true

QUICK_DEADLINE = 0.3


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
