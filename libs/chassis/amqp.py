"""The broker: a publisher that only believes confirms and a consumer that survives reconnects.

Publisher and consumer use connections of their own. Every wait on the broker has a deadline, and the library's own
CancelledError (seen on a black-holed link) is told apart from a real cancellation.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, HeadersType
from aio_pika.exceptions import AMQPException, DeliveryError

from chassis.lifecycle import Part
from chassis.logs import get_logger
from chassis.topology import Exchange, Queue, declare

log = get_logger()

PUBLISH_DEADLINE = 5.0
CONNECT_DEADLINE = 10.0
RECONNECT_DELAY = 1.0
HEARTBEAT = 10


class PublishFailed(Exception):
    """The broker did not confirm; the message may or may not be there, so publish it again with the same event id."""


class _Connection(aio_pika.Connection):
    """Closes itself when it cannot connect; left to the garbage collector, it would look for an event loop there."""

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's signature
        try:
            await super().connect(timeout)
        except BaseException:
            await self.close()
            raise


async def _connect(url: str, name: str) -> AbstractConnection:
    async with asyncio.timeout(CONNECT_DEADLINE):
        return await aio_pika.connect(
            url,
            heartbeat=HEARTBEAT,
            client_properties={"connection_name": name},
            timeout=CONNECT_DEADLINE,
            connection_class=_Connection,
        )


def _really_cancelled() -> bool:
    running = asyncio.current_task()
    return running is not None and running.cancelling() > 0


class Publisher:
    """Publishes persistent, mandatory messages with confirms over one connection, opened when first needed."""

    def __init__(self, url: str, name: str, *queues: Queue) -> None:
        self._url = url
        self._name = name
        self._queues = queues
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, AbstractExchange] = {}

    async def publish(
        self, exchange: Exchange, routing_key: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Return once the broker has confirmed the message.

        Raises:
            PublishFailed: unroutable, nacked, timed out or disconnected.
        """
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE):
                target = await self._exchange(exchange)
                await target.publish(_message(routing_key, body, headers), routing_key, mandatory=True)
        except asyncio.CancelledError as error:
            if _really_cancelled():
                raise
            await self.close()
            raise PublishFailed("the link to the broker broke") from error
        except DeliveryError as error:
            raise PublishFailed(f"{exchange.name} {routing_key}: returned or refused by the broker") from error
        except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
            await self.close()
            raise PublishFailed(f"{exchange.name} {routing_key}: {error!r}") from error

    async def _exchange(self, exchange: Exchange) -> AbstractExchange:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                await self._open()
            if exchange.name not in self._exchanges:
                channel = self._channel
                assert channel is not None  # noqa: S101 - _open has just set it
                self._exchanges[exchange.name] = await channel.get_exchange(exchange.name, ensure=False)
            return self._exchanges[exchange.name]

    async def _open(self) -> None:
        await self.close()
        self._connection = await _connect(self._url, f"{self._name}.publisher")
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        await declare(channel, *self._queues)
        self._channel = channel

    async def close(self) -> None:
        """Drop the connection; the next publish opens another."""
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges = {}
        if connection is not None:
            with suppress(AMQPException, OSError, TimeoutError, RuntimeError):
                async with asyncio.timeout(PUBLISH_DEADLINE):
                    await connection.close()


def _message(routing_key: str, body: bytes, headers: Mapping[str, str] | None) -> aio_pika.Message:
    stamped: HeadersType = dict(headers or {})
    return aio_pika.Message(
        body,
        headers=stamped,
        type=routing_key,
        content_type="application/x-protobuf",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=uuid.uuid4().hex,
    )


OnDelivery = Callable[[AbstractIncomingMessage], Awaitable[None]]


class Consumer(Part):
    """Consumes one queue for as long as the process lives, reconnecting and redeclaring whenever it must."""

    def __init__(self, url: str, name: str, queue: Queue, prefetch: int, on_delivery: OnDelivery) -> None:
        self._url = url
        self._name = name
        self._queue = queue
        self._prefetch = prefetch
        self._on_delivery = on_delivery
        self._running: asyncio.Task[None] | None = None
        self._subscription: tuple[AbstractChannel, str] | None = None
        self._connection: AbstractConnection | None = None

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """The reconnect loop."""
        return self._running

    async def start(self) -> None:
        """Start consuming; a broker that is down is waited for in the background."""
        self._running = asyncio.create_task(self._run(), name=f"consumer {self._queue.name}")

    async def stop(self) -> None:
        """Stop deliveries, then drop the connection: what is not acked by now is delivered to another."""
        await self.pause()
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        await self._disconnect()

    async def pause(self) -> None:
        """Ask the broker for no more deliveries; those already here can still be acked."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            channel, tag = subscription
            with suppress(AMQPException, OSError, TimeoutError, RuntimeError):
                async with asyncio.timeout(PUBLISH_DEADLINE):
                    underlay = await channel.get_underlay_channel()
                    await underlay.basic_cancel(tag)

    async def _run(self) -> None:
        while True:
            try:
                await self._consume()
            except asyncio.CancelledError:
                if _really_cancelled():
                    raise
            except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
                log.warning("broker_connection_lost", queue=self._queue.name, error=repr(error))
            await self._disconnect()
            await asyncio.sleep(RECONNECT_DELAY)

    async def _consume(self) -> None:
        self._connection = await _connect(self._url, f"{self._name}.consumer")
        channel = await self._connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._prefetch)
        await declare(channel, self._queue)
        queue = await channel.get_queue(self._queue.name, ensure=False)
        tag = await queue.consume(self._on_delivery)
        self._subscription = (channel, tag)
        log.info("consumer_attached", queue=self._queue.name)
        closed = asyncio.Event()

        def on_close(*_: object) -> None:
            closed.set()

        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(on_close)  # the queue was deleted: declare it and consume again
        channel.close_callbacks.add(on_close)
        self._connection.close_callbacks.add(on_close)
        await closed.wait()

    async def _disconnect(self) -> None:
        connection, self._connection, self._subscription = self._connection, None, None
        if connection is not None:
            with suppress(AMQPException, OSError, TimeoutError, RuntimeError):
                async with asyncio.timeout(PUBLISH_DEADLINE):
                    await connection.close()


class QueueDepth:
    """Asks the broker how many messages of a queue are ready, over a connection opened for each question."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name

    async def ready(self, queue: Queue) -> int:
        """Messages ready; the queue is declared if it is gone, and is then empty.

        Raises:
            PublishFailed: the broker does not answer.
        """
        try:
            async with asyncio.timeout(CONNECT_DEADLINE), await _connect(self._url, f"{self._name}.doctor") as link:
                channel = await link.channel()
                await declare(channel, queue)
                declared = await channel.declare_queue(queue.name, passive=True)
                return declared.declaration_result.message_count or 0
        except (AMQPException, OSError, TimeoutError, RuntimeError) as error:
            raise PublishFailed(f"{queue.name}: {error!r}") from error
