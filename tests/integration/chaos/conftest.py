from collections.abc import Generator
from pathlib import Path

import pytest

from deploy.local.home import Home
from deploy.local.stack import stack
from tests.chaos.servers import Servers


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    folder: Path = tmp_path_factory.mktemp("servers")
    with stack(folder, services=False):
        yield Home(folder.resolve())


@pytest.fixture
def servers(home: Home) -> Servers:
    return Servers(home)
