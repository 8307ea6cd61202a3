"""The sweeps' doors in this process, on the real servers: a test runs a round when it wants one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from batch.settings import BatchSettings
from batch.store.database import Database
from chassis.blobs import Blobs
from tests.integration.batch.workers import Attempt, Script, succeed
from tests.integration.batch.world import World


@dataclass(frozen=True)
class Ground:
    """What a sweep stands on."""

    database: Database
    blobs: Blobs

    async def keys(self, prefix: str = "t/") -> list[str]:
        return [blob.key for blob in await self.blobs.list_page(prefix)]

    async def put(self, *keys: str) -> None:
        for key in keys:
            await self.blobs.put(key, b"content")

    def storing(self) -> Script:
        """What a healthy worker does, and its result is really there."""

        async def store(attempt: Attempt) -> None:
            await self.put(attempt.claim.result_key)
            await succeed(attempt)

        return store


@asynccontextmanager
async def sweeping(world: World) -> AsyncGenerator[Ground]:
    """Open database and store for as long as the block lasts."""
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in world.servers.items()}
    settings = BatchSettings.model_validate({"batch_listen": "127.0.0.1:0", **fields})
    ground = Ground(Database(settings), Blobs(settings))
    try:
        yield ground
    finally:
        await ground.database.close()
        ground.blobs.close()
