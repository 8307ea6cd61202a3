"""The consumer: one queue for as long as the process lives, reconnecting and redeclaring whenever it must."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from chassis.amqp import connection as links
from chassis.amqp.connection import BROKEN, DEADLINE, RECONNECT_DELAY, really_cancelled
from chassis.lifecycle import Part
from chassis.logs import get_logger
from chassis.topology import Queue, declare

log = get_logger()

OnDelivery = Callable[[AbstractIncomingMessage], Awaitable[None]]


class Consumer(Part):
    """Consumes one queue; what was delivered and not acked when the link broke is delivered again."""

    def __init__(self, url: str, name: str, queue: Queue, prefetch: int, on_delivery: OnDelivery) -> None:
        self._url = url
        self._name = name
        self._queue = queue
        self._prefetch = prefetch
        self._on_delivery = on_delivery
        self._running: asyncio.Task[None] | None = None
        self._subscription: tuple[AbstractChannel, str] | None = None
        self._connection: AbstractConnection | None = None
        self._away = False

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
            with suppress(*BROKEN):
                async with asyncio.timeout(DEADLINE):
                    underlay = await channel.get_underlay_channel()
                    await underlay.basic_cancel(tag)

    async def _run(self) -> None:
        while True:
            try:
                await self._consume()
            except asyncio.CancelledError:
                if really_cancelled():
                    raise
            except BROKEN as error:
                self._note_away(error)
            await self._disconnect()
            await asyncio.sleep(RECONNECT_DELAY)

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("broker_connection_lost", queue=self._queue.name, error=repr(error))
        self._away = True

    async def _consume(self) -> None:
        """Consume until the channel or its connection closes, or the queue is deleted."""
        self._connection = await links.connect(self._url, f"{self._name}.consumer")
        over = asyncio.Event()
        async with asyncio.timeout(DEADLINE):
            await self._subscribe(await self._connection.channel(publisher_confirms=False), over)
        self._connection.close_callbacks.add(_setting(over))
        self._away = False
        log.info("consumer_attached", queue=self._queue.name)
        await over.wait()
        log.warning("consumer_detached", queue=self._queue.name)

    async def _subscribe(self, channel: AbstractChannel, over: asyncio.Event) -> None:
        channel.close_callbacks.add(_setting(over))
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(_setting(over))  # the queue was deleted: declare it again
        await channel.set_qos(prefetch_count=self._prefetch)
        await declare(channel, self._queue)
        queue = await channel.get_queue(self._queue.name, ensure=False)
        tag = await queue.consume(self._on_delivery)
        self._subscription = (channel, tag)

    async def _disconnect(self) -> None:
        connection, self._connection, self._subscription = self._connection, None, None
        if connection is not None:
            await links.close(connection)


def _setting(event: asyncio.Event) -> Callable[..., None]:
    def set_it(*_: object) -> None:
        event.set()

    return set_it
