"""RabbitMQ as an operator sees it: what breaks it, and whether it works."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError

from tests.waiting import until

CONNECT_SECONDS = 5.0
CONTROL_SECONDS = 90.0
PATIENCE_SECONDS, LOOK_SECONDS = 30.0, 0.2


async def control(tool: Path, environ: dict[str, str], *words: str) -> str:
    """Run `rabbitmqctl`; what it printed."""
    running = await asyncio.create_subprocess_exec(
        tool, *words, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(CONTROL_SECONDS):
            out, err = await running.communicate()
    except BaseException:
        running.kill()
        await running.wait()
        raise
    if running.returncode != 0:
        raise RuntimeError(f"{tool.name} {' '.join(words)}: {err.decode()}")
    return out.decode()


async def delete_queue(url: str, name: str) -> None:
    """With all that is in it."""

    async def delete(channel: AbstractChannel) -> None:
        await channel.queue_delete(name)

    await _patiently(url, delete)


async def delete_exchange(url: str, name: str) -> None:
    """With its bindings."""

    async def delete(channel: AbstractChannel) -> None:
        await channel.exchange_delete(name)

    await _patiently(url, delete)


async def unbind(url: str, queue: str, exchange: str, binding: str) -> None:
    """The queue stays, with all that is in it; nothing more reaches it."""

    async def cut(channel: AbstractChannel) -> None:
        await (await channel.get_queue(queue, ensure=False)).unbind(exchange, binding)

    await _patiently(url, cut)


async def _patiently(url: str, act: Callable[[AbstractChannel], Awaitable[None]]) -> None:
    """As an operator does: a stream is `down or inaccessible` for seconds after its broker is up again."""

    async def done() -> bool:
        try:
            async with _channel(url) as channel:
                await act(channel)
        except (OSError, AMQPError):
            return False
        return True

    await until(done, PATIENCE_SECONDS, LOOK_SECONDS)


async def probe(url: str) -> str | None:
    """Ready when a message is confirmed and can be fetched."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS), _channel(url) as channel:
            queue = await channel.declare_queue(exclusive=True)
            await channel.default_exchange.publish(aio_pika.Message(b"ready"), queue.name)
            await queue.get(no_ack=True)
    except (OSError, TimeoutError, AMQPError) as error:
        return f"{type(error).__name__}: {error}"
    return None


@asynccontextmanager
async def _channel(url: str) -> AsyncGenerator[AbstractChannel]:
    connection = await aio_pika.connect(url, timeout=CONNECT_SECONDS)
    async with connection:
        yield await connection.channel()
