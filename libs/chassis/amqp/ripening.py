"""Streams that outlive a broker killed right after it made them.

The first stream of a broker starts its coordinator of streams, and RabbitMQ 3.10 takes about a second to write down
that there is one. Killed before, it knows a stream whose coordinator never starts again: nothing can be published to
it, and neither declaring nor deleting it mends that. So a stream nobody needs goes first, and the one that matters is
declared once the coordinator is written down.
"""

import asyncio
import secrets
from contextlib import suppress

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from chassis.amqp.connection import BROKEN
from chassis.topology import Queue

RIPE_SECONDS = 2.0


async def ripen(connection: AbstractConnection, *queues: Queue) -> None:
    """Return once the broker would keep the streams among these queues, declared or not. Raises one of BROKEN."""
    for queue in queues:
        if queue.is_stream and not await _is_known(connection, queue):
            await _prime(connection, queue)


async def _is_known(connection: AbstractConnection, queue: Queue) -> bool:
    """Whether the broker has heard of it, be it well or not."""
    channel = await connection.channel()
    try:
        await channel.declare_queue(queue.name, passive=True)
    except ChannelNotFoundEntity as error:
        return "no queue" not in str(error)
    await channel.close()
    return True


async def _prime(connection: AbstractConnection, queue: Queue) -> None:
    channel = await connection.channel()
    # A name of its own: one that was lost this way cannot be used again.
    name = f"{queue.name}.primer.{secrets.token_hex(4)}"
    primer = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "stream"})
    try:
        await asyncio.sleep(RIPE_SECONDS)
    finally:
        with suppress(*BROKEN):
            await primer.delete(if_unused=False, if_empty=False)
            await channel.close()
