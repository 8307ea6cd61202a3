"""The doctor: how queues are, asked over AMQP alone, since no plugin of the broker can be counted on.

A quorum queue killed within moments of its first declaration can come back without a leader on RabbitMQ 3.10, or with
nobody at all. It then answers declarations at once and says it is empty, but no publish to it is confirmed, and
`basic.get` is not answered or ends the connection. So the doctor believes a queue that shows messages or consumers,
which only a leader can count, and asks an empty one for a message. One that comes is put back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.exceptions import ConnectionInternalError

from chassis.amqp import connection as links
from chassis.amqp.connection import BROKEN, DEADLINE, BrokerAway, really_cancelled
from chassis.amqp.ripening import ripen
from chassis.topology import Queue, declare

Found = TypeVar("Found")

DELETE_SECONDS = 15.0
"""The broker itself waits five seconds for a leader before it deletes a queue by force."""


class State(Enum):
    """How a queue is."""

    WELL = auto()
    MISSING = auto()
    DEAD = auto()
    """It is declared, and nobody answers for it."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A queue as the broker tells it."""

    queue: Queue
    state: State
    ready: int = 0
    consumers: int = 0


class Doctor:
    """Examines queues and makes them anew, over a connection opened for each visit."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = f"{name}.doctor"

    async def examine(self, *queues: Queue) -> list[Examined]:
        """Look at queues, all at once.

        Raises:
            BrokerAway: the broker does not answer.
        """

        async def look(connection: AbstractConnection) -> list[Examined]:
            return await asyncio.gather(*(self._examine(connection, queue) for queue in queues))

        return await self._visit(look, 3 * DEADLINE)

    async def declare(self, queue: Queue) -> None:
        """Make a queue that is missing. Raises BrokerAway."""

        async def make(connection: AbstractConnection) -> None:
            await declare(await connection.channel(), queue)

        await self._visit(make, DEADLINE)

    async def recreate(self, queue: Queue) -> None:
        """Delete a queue with all it holds and declare it again. Raises BrokerAway."""

        async def delete(connection: AbstractConnection) -> None:
            await (await connection.channel()).queue_delete(queue.name)

        await self._visit(delete, DELETE_SECONDS)
        await self.declare(queue)  # over a connection of its own: one that has asked a dead queue is of no more use

    async def _examine(self, connection: AbstractConnection, queue: Queue) -> Examined:
        channel = await connection.channel()
        try:
            found = (await channel.declare_queue(queue.name, passive=True)).declaration_result
        except ChannelNotFoundEntity:
            return Examined(queue, State.MISSING)
        ready, consumers = found.message_count or 0, found.consumer_count or 0
        dead = queue.has_leader_to_ask and not (ready or consumers) and not await self._answers(queue)
        return Examined(queue, State.DEAD if dead else State.WELL, ready, consumers)

    async def _answers(self, queue: Queue) -> bool:
        """Ask for a message, over a connection of its own, whose end puts one that comes back into the queue."""
        connection = await links.connect(self._url, self._name)
        try:
            channel = await connection.channel()
            async with asyncio.timeout(DEADLINE):
                await (await channel.get_queue(queue.name, ensure=False)).get(fail=False, timeout=None)
        except (TimeoutError, ConnectionInternalError):
            return False
        finally:
            await links.close(connection)
        return True

    async def is_marked(self, queue: Queue) -> bool:
        """Whether a queue is still the one that was marked. Raises BrokerAway."""

        async def look(connection: AbstractConnection) -> bool:
            try:
                await (await connection.channel()).declare_exchange(_mark_of(queue), passive=True)
            except ChannelNotFoundEntity:
                return False
            return True

        return await self._visit(look, DEADLINE)

    async def mark(self, queue: Queue) -> None:
        """Mark a queue, made if it is missing, so that one that takes its place can be told from it.

        The mark is an exchange bound to nothing else: the broker deletes it with the queue. Raises BrokerAway.
        """

        async def put(connection: AbstractConnection) -> None:
            await ripen(connection, queue)
            channel = await connection.channel()
            await declare(channel, queue)
            kept = await channel.get_queue(queue.name, ensure=False)
            mark = await channel.declare_exchange(_mark_of(queue), ExchangeType.FANOUT, durable=True, auto_delete=True)
            await kept.bind(mark)

        await self._visit(put, DEADLINE)

    async def _visit(self, act: Callable[[AbstractConnection], Awaitable[Found]], seconds: float) -> Found:
        try:
            connection = await links.connect(self._url, self._name)
            try:
                async with asyncio.timeout(seconds):
                    return await act(connection)
            finally:
                await links.close(connection)
        except asyncio.CancelledError as error:
            if really_cancelled():
                raise
            raise BrokerAway(f"{self._name}: the link to the broker broke") from error
        except BROKEN as error:
            raise BrokerAway(f"{self._name}: {error!r}") from error


def _mark_of(queue: Queue) -> str:
    return f"{queue.name}.mark"
