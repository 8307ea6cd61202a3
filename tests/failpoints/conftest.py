"""One stage for all points: one replica of each service, so that a point is reached where the test says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.records import Records
from tests.chaos.stage import Size, Stage, Tenant, stage

LEASE_SECONDS = 3.0
# Short, since a frozen worker must outlive its lease; as in production, three beats fit into one.
QUICK = {"QUIRE_LEASE_SECONDS": f"{LEASE_SECONDS}", "QUIRE_BEAT_SECONDS": "0.7", "QUIRE_UNCLAIMED_SECONDS": "1"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def on_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("failpoints")
    async with stage(folder, Records(), Size(1, 1, 1), pace=QUICK) as standing:
        yield standing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tenant(on_stage: Stage) -> Tenant:
    return await on_stage.tenant("failpoints")
