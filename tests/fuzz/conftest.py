"""One stack for all fuzzers, and each one's share of the time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import services
from deploy.local.home import Home
from deploy.local.stack import stack
from tests import audit
from tests.chaos.loop_thread import LoopThread
from tests.e2e.running_quire import Quire
from tests.fuzz.budget import Budget
from tests.fuzz.stage import Stage
from tests.integration.batch.tenants import Door

MINUTES = "QUIRE_FUZZ_MINUTES"
BUDGETS = pytest.StashKey[dict[str, Budget]]()


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budget:
    """An even share of the minutes asked for; without any, the quick form."""
    minutes = float(os.environ.get(MINUTES) or 0)
    budget = Budget(minutes * 60 / len(request.session.items))
    request.config.stash.setdefault(BUDGETS, {})[request.node.name] = budget
    return budget


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how much was tried."""
    for name, spent in config.stash.get(BUDGETS, dict[str, Budget]()).items():
        speed = spent.examples / spent.took if spent.took else 0.0
        terminalreporter.write_line(f"{name}: {spent.examples} examples in {spent.took:.1f} s, {speed:.0f}/s")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = Home(tmp_path_factory.mktemp("fuzz"))
    with pytest.MonkeyPatch.context() as patch, stack(_without_developers_settings(home, patch)) as env:
        loop = LoopThread("fuzz")
        door = loop.call(lambda: Door(env["QUIRE_ENDPOINT"], env))
        opened = Stage(Quire(Home(home.root.resolve()), env), loop, door)
        loop.run(_install_audit(opened))
        yield opened
        loop.run(door.channel.close())
        loop.close()


@pytest.fixture(scope="module")
def without_extractor(stage: Stage) -> Iterator[None]:
    """Nobody takes jobs but who is told to."""
    stage.loop.run(stage.quire.end(services.EXTRACTOR.name))
    yield
    stage.loop.run(stage.quire.start(services.EXTRACTOR))


def _without_developers_settings(home: Home, patch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("QUIRE_", "OPENAI_")) and name != MINUTES]:
        patch.delenv(name)
    return home.root


async def _install_audit(stage: Stage) -> None:
    async with stage.database() as database:
        await database.execute(audit.INSTALL)
