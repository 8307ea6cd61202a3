"""Connections to the broker. Every wait on it has a deadline, and the library's own CancelledError is told apart."""

import asyncio
from contextlib import suppress

import aio_pika
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPException

DEADLINE = 5.0
"""For whatever the broker is asked, in seconds."""
ANSWER_DEADLINE = 1.0
"""For what a broker answers from memory."""
RECONNECT_DELAY = 0.25
HEARTBEAT = 5
"""Seconds; the library gives a silent link up after (5 + 1) * 3, the broker after twice as long as this."""

BROKEN = (AMQPException, OSError, TimeoutError, RuntimeError)
"""What a broken link raises; RuntimeError is the library's word for a connection that has been closed."""


class BrokerFault(Exception):
    """The broker did not do what it was asked; ask again."""


class BrokerAway(BrokerFault):
    """There is no link to the broker, or it takes nothing for now; wait and ask again."""


class _Connection(aio_pika.Connection):
    """Closes itself when it cannot connect; left to the garbage collector, it would look for an event loop there."""

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's signature
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


async def connect(url: str, name: str) -> AbstractConnection:
    """Open a connection. Raises one of BROKEN."""
    async with asyncio.timeout(DEADLINE):
        return await aio_pika.connect(
            url,
            heartbeat=HEARTBEAT,
            client_properties={"connection_name": name},
            timeout=DEADLINE,
            connection_class=_Connection,
        )


async def close(connection: AbstractConnection) -> None:
    """Close a connection, whatever state it is in."""
    with suppress(*BROKEN):
        async with asyncio.timeout(DEADLINE):
            await connection.close()


def is_open(connection: AbstractConnection) -> bool:
    """Whether the link is there; the library's own `is_closed` only tells whether we have closed it."""
    return connection.transport is not None and connection.transport.connection.is_opened


async def is_blocked(connection: AbstractConnection) -> bool:
    """Whether the broker has said that it takes no messages for now: it is short of memory or disk."""
    if connection.transport is None:
        return False
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await connection.transport.connection.ready()
            return False
    return True


async def answers(connection: AbstractConnection) -> bool:
    """Whether the broker is at the other end: it opens a channel at once, whatever its queues do."""
    try:
        async with asyncio.timeout(ANSWER_DEADLINE):
            await (await connection.channel()).close()
    except asyncio.CancelledError:
        if really_cancelled():
            raise
        return False
    except BROKEN:
        return False
    return True


def really_cancelled() -> bool:
    """Whether the running coroutine was cancelled by us; on a black-holed link the library raises the same."""
    running = asyncio.current_task()
    return running is not None and running.cancelling() > 0
