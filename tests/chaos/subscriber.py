"""A subscriber that reads the replayable log of events from its own place, as docs/events tells other teams to."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPException

from chassis import topology
from quire.batch.v1.batch_pb2 import BatchStatus
from quire.events.v1.batch_event_pb2 import BatchEvent
from tests.chaos.records import Seen, SubscriberLog, moment

AWAY = (AMQPException, OSError, TimeoutError, RuntimeError, asyncio.CancelledError)
RECONNECT_SECONDS = 0.3
PREFETCH = 500


@dataclass
class Subscriber:
    """Reads from where it was; from the beginning when the log was begun anew."""

    url: str
    log: SubscriberLog
    place: int | str = "first"
    lost: bool = False

    def begin_again(self) -> None:
        """The log is about to be lost: what stands in the next one is to be read from its beginning."""
        self.lost = True

    async def read(self) -> None:
        """Read for ever."""
        while True:
            try:
                await self._read()
            except AWAY:
                running = asyncio.current_task()
                if running is not None and running.cancelling():
                    raise
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _read(self) -> None:
        connection = await aio_pika.connect(self.url, heartbeat=5, timeout=5)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.get_queue(topology.EVENTS_LOG.name)
            closed = asyncio.Event()

            def on_close(*_: object) -> None:
                closed.set()

            channel.close_callbacks.add(on_close)
            connection.close_callbacks.add(on_close)
            self.place, self.lost = "first" if self.lost else self.place, False
            await queue.consume(self._take, arguments={"x-stream-offset": self.place})
            await closed.wait()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        with suppress(*AWAY):
            await message.ack()
        headers: dict[str, Any] = dict(message.headers)
        if not self.lost:
            self.place = int(headers["x-stream-offset"]) + 1
        self.log.seen.append(_read_event(headers, message.body))


def _read_event(headers: dict[str, Any], body: bytes) -> Seen:
    event = BatchEvent.FromString(body)
    batch = event.batch
    return Seen(
        at=moment(),
        event_id=str(headers["cloudEvents:id"]),
        event_type=str(headers["cloudEvents:type"]),
        tenant_id=event.tenant_id,
        batch_id=batch.id,
        version=batch.version,
        sequence=batch.sequence,
        retry_generation=batch.retry_generation,
        status=BatchStatus.Name(batch.status).removeprefix("BATCH_STATUS_"),
    )
