"""One stack and one batch service for all tests of this folder; tenants and workers of its own for each."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from chassis import topology
from chassis.amqp import Publisher
from chassis.topology import Exchange, Queue
from deploy.local.stack import stack
from tests import audit
from tests.integration.batch.database import Database
from tests.integration.batch.processes import BatchProcess, Servers, run_batch
from tests.integration.batch.world import World, open_world


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("batch")


@pytest.fixture(scope="session")
def servers(home: Path) -> Iterator[Servers]:
    with stack(home, services=False) as environ:
        migrated = run_batch(environ, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        asyncio.run(_install_audit(environ))
        asyncio.run(_declare_topology(environ))
        yield environ


@pytest.fixture(scope="session")
def seasoned_broker(servers: Servers) -> None:
    """A broker that may be killed: RabbitMQ 3.10 loses its streams when killed within seconds of the first one."""
    assert servers
    time.sleep(5)


async def _declare_topology(servers: Servers) -> None:
    connection = await aio_pika.connect(servers["QUIRE_AMQP_URL"])
    async with connection:
        await topology.declare(await connection.channel(), *topology.QUEUES)


async def _install_audit(servers: Servers) -> None:
    database = await Database.connect(servers["QUIRE_DATABASE_OWNER_URL"])
    await database.execute(audit.INSTALL)
    await database.close()


@pytest.fixture(scope="session")
def shared_service(servers: Servers, home: Path) -> Iterator[BatchProcess]:
    process = BatchProcess(servers, home / "batch.log").start()
    yield process
    process.kill()


@pytest.fixture
def service(shared_service: BatchProcess) -> BatchProcess:
    """The service all tests share; one that a test has ended is started again."""
    return shared_service if shared_service.running else shared_service.start()


@pytest.fixture
async def world(servers: Servers, service: BatchProcess, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(servers, service, tmp_path) as opened:
        yield opened


@pytest.fixture
def url(servers: Servers) -> str:
    return servers["QUIRE_AMQP_URL"]


@pytest.fixture
async def channel(url: str) -> AsyncIterator[AbstractChannel]:
    """What an operator does by hand."""
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel()


@pytest.fixture
async def queue(url: str, request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    """A queue of the test's own."""
    name = f"test.{abs(hash(request.node.name))}"
    yield Queue(name, Exchange(name, aio_pika.ExchangeType.DIRECT), "key", {"x-queue-type": "quorum"})
    connection = await aio_pika.connect(url)
    async with connection:
        await (await connection.channel()).queue_delete(name)
        await (await connection.channel()).exchange_delete(name)


@pytest.fixture
async def publisher(url: str, queue: Queue) -> AsyncIterator[Publisher]:
    made = Publisher(url, "test", queue)
    yield made
    await made.close()
