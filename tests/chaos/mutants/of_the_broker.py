"""Bugs between the batch service and the broker."""

import asyncio
from typing import Any

from tests.chaos.mutants.mutant import BATCH, mutant, original, replace


@mutant(BATCH, "I13", "I10")
def confirms_off() -> None:
    """An event leaves the outbox only when the broker has it. Here publishers ask for no confirms.

    Seen when the broker is killed, or its link cut, while events are published.
    """
    import aio_pika  # noqa: PLC0415 - the product's own order of imports is kept until it starts

    usual = original(aio_pika.Connection, "channel")

    def channel(self: Any, *args: Any, **options: Any) -> Any:
        return usual(self, *args, **options | {"publisher_confirms": False, "on_return_raises": False})

    replace(aio_pika.Connection, "channel", channel)


@mutant(BATCH, "I13", "I10")
def mandatory_off() -> None:
    """An event that reaches no queue is published again. Here publishes are not mandatory, and the broker drops it.

    Seen when every queue is unbound from `quire.events` for a while. A job that is dropped so is dispatched anew.
    """
    import aio_pika.exchange  # noqa: PLC0415

    usual = original(aio_pika.exchange.Exchange, "publish")

    async def publish(self: Any, message: Any, routing_key: str, **options: Any) -> Any:
        return await usual(self, message, routing_key, **options | {"mandatory": False})

    replace(aio_pika.exchange.Exchange, "publish", publish)


@mutant(BATCH, "I20", "I10", "I13", favours=("link_silent_rabbitmq", "rabbitmq_frozen"))
def relay_dies_on_cancellation() -> None:
    """The relay outlives a broken link. Here it ends for good when the library cancels a publish, and nobody notices.

    Seen when the link of the batch service to the broker is a black hole for longer than a publish may take.
    """
    from batch.loops.relay import Relay  # noqa: PLC0415

    opened, run = original(Relay, "__init__"), original(Relay, "run")

    def open_fragile(self: Any, database: Any, publisher: Any) -> None:
        opened(self, database, _Fragile(publisher))

    async def run_until_cancelled(self: Any) -> None:
        try:
            await run(self)
        except asyncio.CancelledError:
            running = asyncio.current_task()
            if running is not None and running.cancelling():
                raise
        await asyncio.Event().wait()  # the process looks alive

    replace(Relay, "__init__", open_fragile)
    replace(Relay, "run", run_until_cancelled)


class _Fragile:
    """A publisher that lets out how the library cancels what it cannot finish."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher

    def __getattr__(self, name: str) -> Any:
        return getattr(self._publisher, name)

    async def publish(self, *args: Any, **options: Any) -> None:
        try:
            await self._publisher.publish(*args, **options)
        except Exception as error:
            if isinstance(error.__cause__, asyncio.CancelledError | TimeoutError):
                raise asyncio.CancelledError from error
            raise
