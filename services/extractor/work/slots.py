"""The slots of a worker: how many deliveries are worked at once, and how they end when the worker does."""

import asyncio
from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractIncomingMessage

from extractor.work.incidents import log_incident

Handle = Callable[[AbstractIncomingMessage], Awaitable[None]]


class Slots:
    """Runs each delivery apart from the broker's connection, whose end cancels what it started itself.

    After a reconnect the broker delivers anew while earlier attempts still run: the count holds over all of them.
    """

    def __init__(self, handle: Handle, count: int) -> None:
        self._handle = handle
        self._free = asyncio.Semaphore(count)
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self, delivery: AbstractIncomingMessage) -> None:
        """Work a delivery as soon as a slot is free; returns at once."""
        running = asyncio.create_task(self._work(delivery), name="delivery")
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Start nothing more; what was not started stays with the broker, unacknowledged."""
        self._closed = True

    async def finished(self, seconds: float) -> bool:
        """Wait for what runs, at most so long; whether all of it ended."""
        if not self._running:
            return True
        _, left = await asyncio.wait(self._running, timeout=seconds)
        return not left

    async def _work(self, delivery: AbstractIncomingMessage) -> None:
        async with self._free:
            if self._closed:
                return
            try:
                await self._handle(delivery)
            except Exception as error:  # noqa: BLE001 - one delivery must not take its neighbours down
                log_incident(error)
                await delivery.reject(requeue=False)
