"""Real servers for the worker, started once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.local.stack import stack
from tests.integration.extractor.worker import Servers, World, open_world


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with stack(tmp_path_factory.mktemp("stack"), services=False) as environ:
        yield environ


@pytest.fixture
async def world(servers: Servers, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(servers, tmp_path) as opened:
        yield opened
