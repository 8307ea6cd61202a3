"""Messages that come twice, late, in another order, or that nobody can read."""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import AMQPException

from chassis.topology import (
    DOCUMENT_EXTRACTED,
    DOCUMENT_FAILED,
    EXTRACT_JOB,
    JOBS,
    JOBS_EXTRACT,
    PROGRESS,
    PROGRESS_FOLD,
    Queue,
)
from tests.chaos.faults.fault import Fault, Hit, Scene
from tests.chaos.faults.of_servers import BROKER

LATEST_SECONDS = 6.0
GARBAGE = 30
ECHO = "echo"


@asynccontextmanager
async def _channel(scene: Scene) -> AsyncGenerator[AbstractChannel]:
    connection = await aio_pika.connect(scene.stage.env["QUIRE_AMQP_URL"])
    async with connection:
        yield await connection.channel()


def _repeated(name: str, queue: Queue) -> Fault:
    """Everything that is published for a queue comes once more, some seconds later, in whatever order."""

    @asynccontextmanager
    async def repeated(scene: Scene) -> AsyncGenerator[Hit]:
        async with _channel(scene) as channel:
            echo, again = _Echo(scene, channel, queue), set[asyncio.Task[None]]()
            overheard = await channel.declare_queue(exclusive=True)
            await overheard.bind(queue.exchange.name, queue.binding)

            async def on_message(message: AbstractIncomingMessage) -> None:
                again.add(asyncio.create_task(echo.repeat(message)))

            await overheard.consume(on_message, no_ack=True)
            yield Hit(queue.exchange.name)
            await overheard.unbind(queue.exchange.name, queue.binding)
            await asyncio.gather(*again)

    return Fault(name, repeated, BROKER, 1.5, (2.0, 6.0))


class _Echo:
    def __init__(self, scene: Scene, channel: AbstractChannel, queue: Queue) -> None:
        self._scene = scene
        self._channel = channel
        self._exchange = queue.exchange.name

    async def repeat(self, message: AbstractIncomingMessage) -> None:
        if ECHO in message.headers:
            return
        await asyncio.sleep(self._scene.rng.uniform(0.2, LATEST_SECONDS))
        exchange = await self._channel.get_exchange(self._exchange, ensure=False)
        copy = aio_pika.Message(
            message.body, headers={ECHO: "1"}, type=message.type, delivery_mode=2, message_id=uuid.uuid4().hex
        )
        with suppress(AMQPException):
            await exchange.publish(copy, message.routing_key or "")


@asynccontextmanager
async def garbage_published(scene: Scene) -> AsyncGenerator[Hit]:
    """Bytes that are no message of ours, where jobs and events are expected."""
    async with _channel(scene) as channel:
        for _ in range(GARBAGE):
            exchange, key = scene.rng.choice(
                ((JOBS, EXTRACT_JOB), (PROGRESS, DOCUMENT_EXTRACTED), (PROGRESS, DOCUMENT_FAILED))
            )
            target = await channel.get_exchange(exchange.name, ensure=False)
            body = scene.rng.randbytes(scene.rng.randrange(1, 200))
            with suppress(AMQPException):
                await target.publish(aio_pika.Message(body, message_id=uuid.uuid4().hex), key)
    yield Hit("quire.jobs, quire.progress")


FAULTS = (
    _repeated("events_repeated", PROGRESS_FOLD),
    _repeated("jobs_repeated", JOBS_EXTRACT),
    Fault("garbage_published", garbage_published, BROKER),
)
