"""A subscriber of `quire.events` with a durable queue of its own, so that a broken broker loses it nothing."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from chassis.topology import EVENTS
from quire.batch.v1.batch_pb2 import Batch
from quire.events.v1.batch_event_pb2 import BatchEvent

TERMINAL = ("completed", "completed_with_errors", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Heard:
    """An event as it came."""

    id: str
    type: str
    routing_key: str
    headers: dict[str, str]
    tenant_id: str
    batch: Batch

    @property
    def terminal(self) -> bool:
        return self.type in {f"batch.{name}.v1" for name in TERMINAL}


def _read(message: AbstractIncomingMessage) -> Heard:
    headers = {key: str(value) for key, value in message.headers.items()}
    event = BatchEvent.FromString(message.body)
    kind, key = headers["cloudEvents:type"], message.routing_key or ""
    return Heard(headers["cloudEvents:id"], kind, key, headers, event.tenant_id, event.batch)


@dataclass
class Subscriber:
    """Hears every event since it subscribed."""

    url: str
    queue: str = field(default_factory=lambda: f"test.{uuid.uuid4()}")
    heard: list[Heard] = field(default_factory=list[Heard])

    def of(self, batch_id: str) -> list[Heard]:
        return [event for event in self.heard if event.batch.id == batch_id]

    def terminal_ids(self, batch_id: str) -> set[str]:
        return {event.id for event in self.of(batch_id) if event.terminal}

    async def until(self, happened: Callable[[], bool], seconds: float = 20.0) -> None:
        """Take in what has come until something is true of it."""
        connection = await aio_pika.connect(self.url)
        async with asyncio.timeout(seconds), connection:
            queue = await (await connection.channel()).get_queue(self.queue)
            while not happened():
                message = await queue.get(fail=False)
                if message is None:
                    await asyncio.sleep(0.05)
                    continue
                self.heard.append(_read(message))
                await message.ack()

    async def until_terminal(self, batch_ids: Sequence[str], seconds: float = 20.0) -> None:
        await self.until(lambda: all(self.terminal_ids(batch_id) for batch_id in batch_ids), seconds)

    def sequences(self, batch_id: str) -> list[int]:
        """Of the events of a batch, repeated ids dropped."""
        return sorted({event.id: event.batch.sequence for event in self.of(batch_id)}.values())


@asynccontextmanager
async def subscribed(url: str) -> AsyncGenerator[Subscriber]:
    """Subscribe for as long as the block lasts."""
    subscriber = Subscriber(url)
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EVENTS.name, EVENTS.kind, durable=True)
        queue = await channel.declare_queue(subscriber.queue, durable=True)
        await queue.bind(exchange, "#")
    try:
        yield subscriber
    finally:
        connection = await aio_pika.connect(url)
        async with connection:
            await (await connection.channel()).queue_delete(subscriber.queue)
