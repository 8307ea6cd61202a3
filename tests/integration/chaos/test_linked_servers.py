"""The protocols of the stack through a link."""

import asyncio
from collections.abc import Generator

import aio_pika
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import settings
from deploy.local.home import Home
from tests.chaos.links import Links

pytestmark = pytest.mark.slow
SECONDS = 60


@pytest.fixture
def links() -> Generator[Links]:
    with Links() as links:
        yield links


async def test_a_database_behind_a_link_answers_slowly_or_not_at_all_and_again(home: Home, links: Links) -> None:
    url = make_url(settings.read(home.env_file)["QUIRE_DATABASE_OWNER_URL"])
    link = links.add("database", url.port or 0)
    engine = create_async_engine(url.set(port=link.port), pool_pre_ping=True)
    long = text("SELECT repeat('long', 500000)")
    async with asyncio.timeout(SECONDS):
        async with engine.connect() as session:
            assert len(await session.scalar(long) or "") == 2_000_000
            link.slow(10_000_000, 0.01)
            assert len(await session.scalar(long) or "") == 2_000_000
            link.reset()
            with pytest.raises(DBAPIError):
                await session.scalar(long)
        async with engine.connect() as session:
            link.black_hole()
            asked = asyncio.ensure_future(session.scalar(text("SELECT 1")))
            await asyncio.wait([asked], timeout=0.2)
            assert not asked.done()
            link.open()
            assert await asked == 1
        await engine.dispose()


async def test_a_broker_behind_a_link_loses_no_confirmed_message(home: Home, links: Links) -> None:
    url = make_url(settings.read(home.env_file)["QUIRE_AMQP_URL"])
    link = links.add("broker", url.port or 0)
    linked = url.set(port=link.port).render_as_string(hide_password=False)
    async with asyncio.timeout(SECONDS), await aio_pika.connect(linked) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)

        async def confirmed(count: int) -> None:
            message = aio_pika.Message(bytes(10_000))
            await asyncio.gather(*(channel.default_exchange.publish(message, queue.name) for _ in range(count)))

        await confirmed(100)
        link.black_hole()
        held = asyncio.ensure_future(confirmed(100))
        await asyncio.wait([held], timeout=0.2)
        assert not held.done()
        link.open()
        await held
        link.slow(5_000_000, 0.005)
        await confirmed(100)
        link.open()
        assert (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count == 300
