"""What a chaos run does to real servers, and that they come back from it."""

import asyncio
import gc
import random
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager, suppress

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from chassis.amqp import BrokerAway, Publisher, PublishFailed
from chassis.topology import EVENTS, EVENTS_LOG
from deploy.local import processes, settings
from deploy.local.home import Home
from tests.chaos.records import moment
from tests.chaos.servers import Servers
from tests.waiting import until

pytestmark = pytest.mark.slow


@asynccontextmanager
async def channel(home: Home) -> AsyncGenerator[AbstractChannel]:
    connection = await aio_pika.connect(settings.read(home.env_file)["QUIRE_AMQP_URL"])
    async with connection:
        yield await connection.channel()


@asynccontextmanager
async def session(home: Home) -> AsyncGenerator[AsyncConnection]:
    engine = create_async_engine(settings.read(home.env_file)["QUIRE_DATABASE_OWNER_URL"], isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            yield connection
    finally:
        await engine.dispose()


async def is_silent(answers: Awaitable[float]) -> bool:
    try:
        await answers
    except TimeoutError:
        return True
    return False


async def is_published(publisher: Publisher) -> bool:
    try:
        await publisher.publish(EVENTS, "v1.test.batch.queued", b"told")
    except PublishFailed:
        return False
    return True


async def is_dropped(session: AsyncConnection) -> bool:
    try:
        await session.execute(text("SELECT 1"))
    except DBAPIError:
        return True
    return False


async def has_queue(home: Home, name: str) -> bool:
    async with channel(home) as broker:
        try:
            await broker.declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            return False
    return True


def pid(home: Home, name: str) -> int:
    record = processes.recorded(home, name)
    assert record is not None
    return record.pid


async def test_a_killed_broker_comes_back_with_its_queues_and_a_wiped_one_without(home: Home, servers: Servers) -> None:
    async with channel(home) as broker:
        await broker.declare_queue("kept", durable=True)
    await servers.restart_broker_app()  # what was declared a moment before a kill may not be on the disk yet
    before = moment()
    await servers.kill_broker()
    assert await is_silent(servers.broker_answers(0))
    await servers.start_broker()
    assert await servers.broker_answers() > before
    assert await has_queue(home, "kept")
    await servers.wipe_broker()
    await servers.broker_answers()
    assert not await has_queue(home, "kept")


async def test_a_broker_whose_app_was_restarted_runs_in_the_same_process(home: Home, servers: Servers) -> None:
    before = pid(home, "rabbitmq")
    await servers.restart_broker_app()
    assert await servers.broker_answers()
    assert pid(home, "rabbitmq") == before


async def test_an_alarmed_broker_confirms_nothing_until_the_alarm_is_over(servers: Servers) -> None:
    await servers.broker_alarm(on=True)
    try:
        assert await is_silent(servers.broker_answers(0))
    finally:
        await servers.broker_alarm(on=False)
    assert await servers.broker_answers()


async def test_queues_and_exchanges_can_be_deleted_under_load(home: Home, servers: Servers) -> None:
    async with channel(home) as broker:
        queue = await broker.declare_queue("doomed", durable=True)
        exchange = await broker.declare_exchange("doomed", durable=True)
        await queue.bind(exchange, "doomed")
    await servers.delete_exchange("doomed")
    await servers.delete_queue("doomed")
    assert not await has_queue(home, "doomed")
    async with channel(home) as broker:
        with pytest.raises(ChannelNotFoundEntity):
            await broker.declare_exchange("doomed", passive=True)


# What the AMQP library leaves of a connection whose broker is killed, which the garbage collector finds at its leisure.
@pytest.mark.filterwarnings("ignore:coroutine 'Connection.close'")
@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.2])
async def test_a_log_of_events_comes_into_being_however_soon_its_broker_is_killed(
    home: Home, servers: Servers, seconds: float
) -> None:
    await servers.wipe_broker()
    publisher = Publisher(settings.read(home.env_file)["QUIRE_AMQP_URL"], "test", EVENTS_LOG)
    with suppress(TimeoutError, BrokerAway):
        async with asyncio.timeout(seconds):
            await publisher.open()
    await servers.kill_broker()
    await servers.start_broker()
    await until(lambda: is_published(publisher), 30)
    await publisher.close()
    gc.collect()


async def test_a_database_restarted_at_once_drops_its_sessions_and_keeps_what_was_committed(
    home: Home, servers: Servers
) -> None:
    async with session(home) as before:
        await before.execute(text("CREATE TABLE kept AS SELECT 1 AS one"))
        await servers.restart_database_immediate()
        with pytest.raises(DBAPIError):
            await before.execute(text("SELECT 1"))
    assert await servers.database_answers()
    async with session(home) as after:
        assert await after.scalar(text("SELECT one FROM kept")) == 1
    await servers.kill_database()
    assert await is_silent(servers.database_answers(0))
    await servers.start_database()
    async with session(home) as after:
        assert await after.scalar(text("SELECT one FROM kept")) == 1


async def test_a_killed_backend_takes_all_sessions_with_it_and_not_the_server(home: Home, servers: Servers) -> None:
    before = pid(home, "postgres")
    async with session(home) as one, session(home) as two:
        assert await servers.kill_backend(random.Random(1)) > 0
        for each in (one, two):
            await until(lambda each=each: is_dropped(each))
    await servers.database_answers()
    assert pid(home, "postgres") == before


async def test_a_killed_store_comes_back(servers: Servers) -> None:
    await servers.kill_store()
    assert await is_silent(servers.store_answers(0))
    await servers.start_all()
    assert await servers.store_answers()


@pytest.mark.parametrize("name", ["postgres", "rabbitmq", "object-store"])
async def test_a_frozen_server_is_silent_until_it_is_thawed(servers: Servers, name: str) -> None:
    answers = {
        "postgres": servers.database_answers,
        "rabbitmq": servers.broker_answers,
        "object-store": servers.store_answers,
    }[name]
    await servers.freeze(name)
    try:
        assert await is_silent(answers(0))
    finally:
        await servers.thaw(name)
    assert await answers()
