"""What no consumer could read, as it lies in its queue."""

import asyncio

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from chassis.topology import DEAD_LETTERS
from tests.integration.batch.world import World


async def dead_letters(world: World, wanted: int, seconds: float = 15.0) -> list[AbstractIncomingMessage]:
    """Take so many dead letters, and no more are there."""
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    found = list[AbstractIncomingMessage]()
    async with asyncio.timeout(seconds), connection:
        queue = await (await connection.channel()).get_queue(DEAD_LETTERS.name)
        while len(found) < wanted:
            message = await queue.get(fail=False)
            if message is None:
                await asyncio.sleep(0.05)
                continue
            await message.ack()
            found.append(message)
        assert await queue.get(fail=False) is None
    return found
