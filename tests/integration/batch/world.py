"""What a test has at hand: the service, its database, tenants and workers that leave when the test ends."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncpg.exceptions import DeadlockDetectedError

from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE, Tier
from tests import audit
from tests.integration.batch.database import Database
from tests.integration.batch.processes import BatchProcess, Servers
from tests.integration.batch.subscribers import Subscriber, subscribed
from tests.integration.batch.tenants import Door, Tenant
from tests.integration.batch.workers import Script, Worker, succeed
from tests.waiting import until

FORGET = """
TRUNCATE tenants, documents, document_attempts, outbox, uploads, workers, document_moves, idempotency_records,
         usage_by_month, dead_letters, terminal_events CASCADE
"""


@dataclass
class World:
    """One test's view."""

    servers: Servers
    service: BatchProcess
    folder: Path
    door: Door
    database: Database
    leaving: AsyncExitStack
    processes: list[BatchProcess] = field(default_factory=list[BatchProcess])

    async def tenant(self, tier: Tier.ValueType = TIER_ENTERPRISE, **overrides: int) -> Tenant:
        return await self.door.create_tenant(tier, **overrides)

    async def worker(self, script: Script = succeed, **options: Any) -> Worker:
        """A worker at work until the test ends."""
        return await self.leaving.enter_async_context(Worker(self.door, script, **options))

    async def subscriber(self) -> Subscriber:
        return await self.leaving.enter_async_context(subscribed(self.servers["QUIRE_AMQP_URL"]))

    async def replica(self, *doors: str, **changes: str) -> BatchProcess:
        """Another process of the batch service, gone when the test ends."""
        log = self.folder / f"replica-{len(self.processes)}.log"
        process = BatchProcess(self.servers, log, doors, changes)
        self.processes.append(process)
        return await asyncio.to_thread(process.start)

    async def door_to(self, address: str) -> Door:
        return await self.leaving.enter_async_context(Door(address, self.servers))

    async def connect(self) -> Database:
        return await Database.connect(_owner(self.servers))

    async def ask(self, sql: str, *values: Any) -> Any:
        """The first value of the first row."""
        return await self.database.value(sql, *values)

    async def start_service(self) -> None:
        """Start the service anew; calls made from now on reach it."""
        await asyncio.to_thread(self.service.start)
        async with asyncio.timeout(20):
            await self.door.channel.channel_ready()  # else a call may meet the back-off of the connection that broke

    async def dead_letters(self, wanted: int) -> list[Mapping[str, Any]]:
        """So many dead letters, and no more are there."""
        await self.until("SELECT count(*) >= $1 FROM dead_letters", wanted)
        found = await self.database.rows("SELECT * FROM dead_letters ORDER BY id")
        assert len(found) == wanted
        return found

    async def until(self, sql: str, *values: Any, seconds: float = 20.0) -> float:
        """Return once a statement answers true; answers how long that took."""
        return await until(lambda: self.ask(sql, *values), seconds)


@asynccontextmanager
async def open_world(servers: Servers, service: BatchProcess, folder: Path) -> AsyncGenerator[World]:
    async with AsyncExitStack() as leaving:
        door = await leaving.enter_async_context(Door(service.address, servers))
        world = World(servers, service, folder, door, await Database.connect(_owner(servers)), leaving)
        try:
            yield world
            assert await audit.violations(world.database) == []
        finally:
            for process in world.processes:
                await asyncio.to_thread(process.kill)
            await _leave_nothing(world.database)
            await world.database.close()


def _owner(servers: Servers) -> str:
    return servers["QUIRE_DATABASE_OWNER_URL"]


async def _leave_nothing(database: Database) -> None:
    """Forget every row: what one test leaves would fill the window of the next."""
    await database.execute("SET lock_timeout = '10s'")
    for _ in range(5):
        with suppress(DeadlockDetectedError):  # a service at work locks in its own order; this gives way
            await database.execute(FORGET)
            return
    raise AssertionError("the database is never at rest")
