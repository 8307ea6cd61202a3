"""The floor of the fold: bare aio-pika that consumes a queue and acks, on uvloop, as any service does.

`python -m tests.bench.bare_consumer QUEUE PREFETCH MESSAGES ACK_EVERY` acks after so many messages and prints seconds
of wall and of CPU time from the moment it asks for deliveries until the broker has taken the last ack.
"""

import asyncio
import sys
import time

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage

from chassis.settings import BrokerSettings, load


async def consume(url: str, name: str, prefetch: int, messages: int, ack_every: int) -> tuple[float, float]:
    """Consume so many messages; answers seconds of wall and of CPU time."""
    left, done = messages, asyncio.Event()

    async def on_message(message: AbstractIncomingMessage) -> None:
        nonlocal left
        left -= 1
        if left % ack_every == 0:
            await message.ack(multiple=ack_every > 1)
        if left == 0:
            done.set()

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=prefetch)
        queue = await channel.get_queue(name)
        began, began_cpu = time.perf_counter(), time.process_time()
        await queue.consume(on_message)
        await done.wait()
        await channel.close()  # a round trip behind the last ack
        return time.perf_counter() - began, time.process_time() - began_cpu


def main() -> None:
    """Run the command line."""
    name, *numbers = sys.argv[1:]
    url = load(BrokerSettings).amqp_url.get_secret_value()
    seconds, cpu_seconds = uvloop.run(consume(url, name, *map(int, numbers)))
    sys.stdout.write(f"{seconds} {cpu_seconds}\n")


if __name__ == "__main__":
    main()
