"""Three servers with a migrated schema, and rows as a finished run leaves them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import aio_pika
import pytest

from chassis import topology
from deploy.local.stack import stack
from tests import audit
from tests.chaos.checker.ground import Ground, secrets_of
from tests.contract.chaos_checker.sound_rows import FORGET, sound_rows
from tests.integration.batch.database import Database
from tests.integration.batch.processes import run_batch

# The schema would refuse what these tests break; the checker must not lean on it.
UNGUARDED = """
ALTER TABLE documents DROP CONSTRAINT result_if_and_only_if_succeeded;
ALTER TABLE batch_processes DROP CONSTRAINT counters_add_up;
"""


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with stack(tmp_path_factory.mktemp("checker"), services=False) as environ:
        migrated = run_batch(environ, "migrate")
        assert migrated.returncode == 0, migrated.stderr
        asyncio.run(_prepare(environ))
        yield environ


async def _prepare(environ: Mapping[str, str]) -> None:
    database = await Database.connect(environ["QUIRE_DATABASE_OWNER_URL"])
    await database.execute(audit.INSTALL)
    await database.execute(UNGUARDED)
    await database.close()
    async with await aio_pika.connect(environ["QUIRE_AMQP_URL"]) as connection:
        await topology.declare(await connection.channel(), *topology.QUEUES)


@pytest.fixture
async def database(servers: Mapping[str, str]) -> AsyncIterator[Database]:
    """Holds one finished batch; see sound_rows."""
    database = await Database.connect(servers["QUIRE_DATABASE_OWNER_URL"])
    await database.execute(FORGET)
    await database.execute(sound_rows())
    yield database
    await database.execute(FORGET)
    await database.close()


@pytest.fixture
def ground(servers: Mapping[str, str], tmp_path: Path) -> Ground:
    return Ground(
        owner_url=servers["QUIRE_DATABASE_OWNER_URL"],
        amqp_url=servers["QUIRE_AMQP_URL"],
        store=servers,
        logs=tmp_path,
        secrets=secrets_of(servers),
    )
