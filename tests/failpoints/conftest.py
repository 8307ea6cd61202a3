"""One stage for all points; replicas, so that what one of them does not live to do another can."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.records import Records
from tests.chaos.stage import Size, Stage, Tenant, stage

LEASE_SECONDS = 4.0
# Short, since a frozen worker must outlive its lease; as in production, three beats fit into one.
QUICK = {"QUIRE_LEASE_SECONDS": f"{LEASE_SECONDS}", "QUIRE_BEAT_SECONDS": "1", "QUIRE_UNCLAIMED_SECONDS": "1"}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def on_stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("failpoints")
    async with stage(folder, Records(), Size(2, 1, 2), pace=QUICK) as standing:
        yield standing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tenant(on_stage: Stage) -> Tenant:
    return await on_stage.tenant("failpoints")
