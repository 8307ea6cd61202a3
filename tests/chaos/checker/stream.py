"""What public events carry: their own tenant's names and no word of a document (I16, I28)."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPException

from chassis.topology import EVENTS_LOG
from quire.events.v1.batch_event_pb2 import BatchEvent
from tests.chaos.checker import canaries
from tests.chaos.checker.canaries import Canaries
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import Violation

SILENT_SECONDS = 1.0
READ_SECONDS = 120.0
PREFETCH = 500


@dataclass(frozen=True)
class Published:
    """An event as it lies in the replayable log."""

    event_id: str
    tenant_id: str
    text: str


async def read_events(amqp_url: str, notes: list[str]) -> list[Published]:
    """Read the log from its beginning until nothing more comes."""
    found, came = list[Published](), asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        text = message.body.decode(errors="replace")
        tenant_id = BatchEvent.FromString(message.body).tenant_id
        found.append(Published(str(message.headers.get("cloudEvents:id")), tenant_id, text))
        came.set()
        await message.ack()

    try:
        async with asyncio.timeout(READ_SECONDS), await aio_pika.connect(amqp_url) as connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.get_queue(EVENTS_LOG.name)
            await queue.consume(take, arguments={"x-stream-offset": "first"})
            await _until_silent(came)
    except (AMQPException, OSError, TimeoutError) as error:
        notes.append(f"I28: the log of events cannot be read: {error!r}")
    return found


async def _until_silent(came: asyncio.Event) -> None:
    while True:
        came.clear()
        try:
            await asyncio.wait_for(came.wait(), SILENT_SECONDS)
        except TimeoutError:
            return


def violations(published: Sequence[Published], seen_by: Canaries, marks: Collection[str]) -> list[Violation]:
    """Foreign canaries, and marks of whatever document."""
    found = canaries.seen(seen_by, ((one.event_id, one.tenant_id, one.text) for one in published))
    for one in published:
        found += [Violation("I28", OTHER, one.event_id, f"it quotes {mark}") for mark in marks if mark in one.text]
    return found
