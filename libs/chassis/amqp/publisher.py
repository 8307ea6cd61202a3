"""The publisher: persistent, mandatory messages, each believed only when confirmed."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, HeadersType
from aio_pika.exceptions import ChannelClosed, DeliveryError, PublishError

from chassis.amqp import connection as links
from chassis.amqp.connection import BROKEN, DEADLINE, BrokerAway, BrokerFault, really_cancelled
from chassis.amqp.ripening import ripen
from chassis.lifecycle import Part
from chassis.logs import get_logger
from chassis.topology import Exchange, Queue, declare

log = get_logger()

SILENCES_TO_RECONNECT = 3
SILENCES_TO_GIVE_UP = 10


class PublishFailed(BrokerFault):
    """The broker did not confirm; the message may or may not be there, so publish it again with the same event id."""


class Refused(PublishFailed):
    """The broker is there and did not take this message: a queue rejected it, or no confirm came in time."""


class PublisherStuck(Exception):
    """A broker that is there has confirmed nothing for long; start the process anew, and look at the broker's log."""


@dataclass
class _Link:
    connection: AbstractConnection
    channel: AbstractChannel
    exchanges: dict[str, AbstractExchange] = field(default_factory=dict[str, AbstractExchange])
    declared: bool = False

    @property
    def closed(self) -> bool:
        return not links.is_open(self.connection) or self.channel.is_closed

    async def publish(self, exchange: str, routing_key: str, message: aio_pika.Message) -> None:
        if exchange not in self.exchanges:
            self.exchanges[exchange] = await self.channel.get_exchange(exchange, ensure=False)
        await self.exchanges[exchange].publish(message, routing_key, mandatory=True)


class Publisher(Part):
    """Publishes over one connection, opened when first needed.

    As a part of a process it ends that process when a broker that is there confirms nothing ten deadlines in a row. A
    broker that is away, or has blocked the connection for want of memory or disk, is waited for instead.
    """

    def __init__(self, url: str, name: str, *queues: Queue) -> None:
        self._url = url
        self._name = name
        self._queues = queues
        self._link: _Link | None = None
        self._opening: asyncio.Task[_Link] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._silences = 0
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[bool] | None = None
        self._stuck: asyncio.Future[None] | None = None

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """Fails with PublisherStuck."""
        return self._stuck

    async def start(self) -> None:
        """Connect later."""
        self._stuck = asyncio.get_running_loop().create_future()

    async def stop(self) -> None:
        """Close."""
        await self.close()

    async def open(self) -> None:
        """Return once there is a link that takes messages.

        Raises:
            BrokerAway: there is none; wait rather than take up what could not be published.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                link = await self._ready()
        except asyncio.CancelledError as error:
            if really_cancelled():
                raise
            raise BrokerAway("the link to the broker broke") from error
        except BROKEN as error:
            raise BrokerAway(f"no link to the broker: {error!r}") from error
        if await links.is_blocked(link.connection):
            raise BrokerAway("the broker is short of memory or disk and takes nothing")

    async def publish(
        self, exchange: Exchange, routing_key: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Return once the broker has confirmed the message.

        Raises:
            PublishFailed: unroutable, refused, timed out or disconnected.
        """
        await self._send(exchange.name, routing_key, _message(routing_key, body, headers))

    async def replay(self, exchange: str, routing_key: str, body: bytes, headers: Mapping[str, Any]) -> None:
        """Return once a message is back where it was published before; both names are taken as they were noted.

        Raises:
            PublishFailed: unroutable, refused, timed out or disconnected.
        """
        await self._send(exchange, routing_key, _message(routing_key, body, headers))

    async def publish_to(
        self, queue: Queue, kind: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Return once one queue has the message, past the exchange; `kind` is the routing key it would have had.

        Raises:
            PublishFailed: unroutable, refused, timed out or disconnected.
        """
        await self._send("", queue.name, _message(kind, body, headers))

    async def _send(self, exchange: str, routing_key: str, message: aio_pika.Message) -> None:
        began, link = time.monotonic(), None
        try:
            async with asyncio.timeout(DEADLINE):
                link = await self._ready()
                await link.publish(exchange, routing_key, message)
        except asyncio.CancelledError as error:
            if really_cancelled():
                raise
            self._drop(link)
            raise PublishFailed(f"{exchange} {routing_key}: the link to the broker broke") from error
        except BROKEN as error:
            raise await self._failure(error, link, began, f"{exchange} {routing_key}") from error
        self._heard()

    async def _failure(self, error: Exception, link: _Link | None, began: float, what: str) -> PublishFailed:
        if link is not None and isinstance(error, DeliveryError):
            self._heard()
            returned = isinstance(error, PublishError)
            link.declared &= not returned
            return PublishFailed(f"{what}: no queue takes it") if returned else Refused(f"{what}: refused by a queue")
        if link is None or link.closed or not isinstance(error, TimeoutError):
            self._drop(link)
            return PublishFailed(f"{what}: {error!r}")
        if await links.is_blocked(link.connection):
            return PublishFailed(f"{what}: the broker is short of memory or disk")
        if not await self._is_there(link, began):
            return PublishFailed(f"{what}: the link to the broker is dead")
        return Refused(f"{what}: no confirm in {DEADLINE:.0f} s")

    async def _is_there(self, link: _Link, began: float) -> bool:
        """Tell a broker that withholds a confirm from a link that is dead; what was in flight together asks once."""
        if self._asking is None or began >= self._asked_at:
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask(link), name=f"{self._name} asking")
        return await asyncio.shield(self._asking)

    async def _ask(self, link: _Link) -> bool:
        there = await links.answers(link.connection)
        if there:
            self._count_silence()
        if not there or self._silences % SILENCES_TO_RECONNECT == 0:
            self._drop(link)
        return there

    async def _ready(self) -> _Link:
        """The link, opened once for all who wait for it."""
        if self._link is not None and not self._link.closed and self._link.declared:
            return self._link
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name=f"{self._name} opening")
            self._opening.add_done_callback(_note)  # those who wait may all be gone by then
        return await asyncio.shield(self._opening)

    async def _open(self) -> _Link:
        link = self._link
        try:
            async with asyncio.timeout(DEADLINE):
                if link is None or not links.is_open(link.connection):
                    self._drop(link)
                    link = self._link = await _connect(self._url, f"{self._name}.publisher")
                elif link.channel.is_closed:
                    link.channel, link.exchanges = await _channel(link.connection), {}
                await ripen(link.connection, *self._queues)
                await declare(link.channel, *self._queues)
        except BaseException as error:
            self._heard()  # it is away, which is no silence
            if not isinstance(error, ChannelClosed):  # a queue that cannot be declared needs no other connection
                self._drop(link)
            raise
        link.declared = True
        return link

    def _count_silence(self) -> None:
        self._silences += 1
        log.warning("broker_silent", publisher=self._name, silences=self._silences)
        if self._silences >= SILENCES_TO_GIVE_UP and self._stuck is not None and not self._stuck.done():
            self._stuck.set_exception(PublisherStuck(f"{self._name}: {self._silences} deadlines without a confirm"))

    def _heard(self) -> None:
        self._silences = 0

    def _drop(self, link: _Link | None) -> None:
        """Give a link up; others may have opened a new one, which stays."""
        if link is None:
            return
        if self._link is link:
            self._link = None
        closing = asyncio.create_task(links.close(link.connection), name=f"{self._name} closing")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Drop the connection; the next publish opens another."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        self._drop(self._link)
        if self._closing:
            await asyncio.wait(self._closing)


def _note(opening: asyncio.Task[_Link]) -> None:
    _ = opening.cancelled() or opening.exception()


async def _connect(url: str, name: str) -> _Link:
    connection = await links.connect(url, name)
    try:
        return _Link(connection, await _channel(connection))
    except BaseException:
        await links.close(connection)
        raise


async def _channel(connection: AbstractConnection) -> AbstractChannel:
    return await connection.channel(publisher_confirms=True, on_return_raises=True)


def _message(routing_key: str, body: bytes, headers: Mapping[str, Any] | None) -> aio_pika.Message:
    stamped: HeadersType = dict(headers or {})
    return aio_pika.Message(
        body,
        headers=stamped,
        type=routing_key,
        content_type="application/x-protobuf",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=uuid.uuid4().hex,  # fresh each time: the library tells confirms apart by it
    )
