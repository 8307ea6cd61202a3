"""One whole stack for all tests of the folder."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
import pytest

from deploy.local import services
from deploy.local.home import Home
from deploy.local.stack import stack
from quire_client import QuireClient
from samples.build_pile import TRUTH, build_pile
from samples.score import Truth
from tests.e2e.held_model import HeldModel, held_model
from tests.e2e.running_quire import Quire

FROM_A_DEVELOPERS_SHELL = ("QUIRE_", "OPENAI_")


@dataclass(frozen=True)
class Pile:
    """The sample documents, and what stands in them."""

    folder: Path
    paths: list[Path]
    truth: Truth

    @property
    def prompt(self) -> str:
        return self.truth["prompt"]

    @property
    def unreadable(self) -> dict[str, str]:
        """Error code by name."""
        return {name: entry["error"] for name, entry in self.truth["documents"].items() if "error" in entry}


@pytest.fixture(scope="session")
def quire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quire]:
    home = Home(tmp_path_factory.mktemp("quire"))
    with pytest.MonkeyPatch.context() as patch:
        forget_developers_settings(patch)
        with stack(home.root) as env:
            yield Quire(Home(home.root.resolve()), env)


def forget_developers_settings(patch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(FROM_A_DEVELOPERS_SHELL)]:
        patch.delenv(name)


@pytest.fixture(scope="session")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Pile:
    folder, apart = tmp_path_factory.mktemp("pile"), tmp_path_factory.mktemp("truth")
    paths = build_pile(folder)
    truth = (folder / TRUTH).rename(apart / TRUTH)
    return Pile(folder, paths, cast("Truth", json.loads(truth.read_text())))


@pytest.fixture
async def client(quire: Quire) -> AsyncIterator[QuireClient]:
    async with quire.client() as client:
        yield client


@pytest.fixture
async def http(quire: Quire) -> AsyncIterator[httpx2.AsyncClient]:
    async with quire.http() as http:
        yield http


@pytest.fixture(scope="module")
def provider(quire: Quire) -> Iterator[HeldModel]:
    """The extractor asks this model from the first test that wants it to the last of the module."""
    with held_model() as model:
        asyncio.run(quire.start(services.EXTRACTOR, model.environ))
        yield model
        model.release()
        asyncio.run(quire.start_all())
