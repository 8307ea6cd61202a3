"""Each service starts, drains and restarts, whatever else runs."""

import asyncio
import json
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from deploy.local import services, settings
from deploy.local.services import BATCH, EXTRACTOR, GATEWAY, Service
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from quire_client import QuireClient
from tests.e2e.running_quire import Quire, final
from tests.e2e.trying_again import assert_try_again, submitted, until_ready

READY_SECONDS = 30.0
POLL_SECONDS = 0.05
SERVICES = (EXTRACTOR, GATEWAY, BATCH)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Started:
    """A service this test runs itself, so that it sees how it ends."""

    service: Service
    process: Process
    log: Path
    grace_seconds: float

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


async def start(quire: Quire, service: Service, folder: Path) -> Started:
    part, log = quire.part(service), folder / f"{service.name}-{uuid4()}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *part.argv, env=part.environ, cwd=part.cwd, stdout=out, stderr=out, start_new_session=True
        )
    values = settings.read(quire.home.env_file)
    async with asyncio.timeout(READY_SECONDS):
        while (reason := await services.probe(service, values)) is not None:
            assert process.returncode is None, log.read_text()
            assert reason
            await asyncio.sleep(POLL_SECONDS)
    return Started(service, process, log, part.grace_seconds)


async def drain(started: Started) -> None:
    """SIGTERM, and the end a service must come to."""
    began = time.monotonic()
    started.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(started.grace_seconds):
        code = await started.process.wait()
    told = [event["event"] for event in started.events()]
    assert (code, told[-1]) == (0, "process_stopped"), started.log.read_text()
    assert "drain_timed_out" not in told
    assert time.monotonic() - began < started.grace_seconds


@pytest.fixture(scope="module")
def by_hand(quire: Quire) -> Iterator[None]:
    """The stack without its services, which are back afterwards."""
    for service in SERVICES:
        asyncio.run(quire.end(service.name))
    yield
    asyncio.run(quire.start_all())


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize(
    "order",
    [(EXTRACTOR, GATEWAY, BATCH), (GATEWAY, BATCH, EXTRACTOR), (BATCH, EXTRACTOR, GATEWAY)],
    ids=lambda order: "-".join(service.name for service in order),
)
async def test_services_start_serve_and_drain_in_any_order(
    quire: Quire, http: httpx2.AsyncClient, client: QuireClient, tmp_path: Path, order: Sequence[Service]
) -> None:
    running: list[Started] = []
    try:
        for service in order:
            running.append(await start(quire, service, tmp_path))
            if service is GATEWAY and BATCH not in order[: order.index(GATEWAY)]:
                assert_try_again(await http.get("/v1/limits"))
        await until_ready(http)
        batch = await final(client, await submitted(http))
        assert batch.status == BATCH_STATUS_COMPLETED
        for started in running:
            await drain(started)
    finally:
        for started in running:
            if started.process.returncode is None:
                started.process.kill()
                await started.process.wait()
