"""Every process is restarted under load, one after another: no call fails and no document runs twice."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, TIER_ENTERPRISE
from quire_client import AdminClient, Content, QuireClient
from tests.e2e.balancer import balancing
from tests.e2e.held_model import SCHEMA, HeldModel, held_model, invoice
from tests.e2e.replicas import Replicas, two_of_each
from tests.e2e.running_quire import FINAL_SECONDS, Quire, final
from tests.e2e.steady_load import SHARES, steady_load

DOCUMENTS = 6
ANSWER_SECONDS = 0.2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass
class Work:
    """Batches that are submitted, worked and watched, one after another, until it is enough."""

    client: QuireClient
    http: httpx2.AsyncClient
    submitted: list[int] = field(default_factory=list[int])
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _enough: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        self._enough.set()

    async def watched_by_grpc(self) -> None:
        while not self._enough.is_set():
            batch = await final(self.client, await self._submit())
            assert (batch.status, batch.counters.succeeded) == (BATCH_STATUS_COMPLETED, DOCUMENTS)

    async def watched_by_http(self) -> None:
        while not self._enough.is_set():
            batch_id = await self._submit()
            async with asyncio.timeout(FINAL_SECONDS):
                version = 0
                while version >= 0:
                    version = await self._watch(batch_id, version)
            batch = await self.client.get(batch_id)
            assert (batch.status, batch.counters.succeeded) == (BATCH_STATUS_COMPLETED, DOCUMENTS)

    async def _submit(self) -> str:
        numbers = [next(self._numbers) for _ in range(DOCUMENTS)]
        self.submitted += numbers
        files = [Content(f"{number}.txt", invoice(number)) for number in numbers]
        return (await self.client.submit(files, prompt="invoice number", schema=SCHEMA)).id

    async def _watch(self, batch_id: str, version: int) -> int:
        """Read one stream of events; answers the version to resume from, or -1 at the end of the batch."""
        headers = {"Last-Event-ID": str(version)}
        async with self.http.stream("GET", f"/v1/batches/{batch_id}/events", headers=headers) as answer:
            assert answer.status_code in {200, 204}, await answer.aread()
            if answer.status_code == 204:
                return -1
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    assert int(line[4:]) > version
                    version = int(line[4:])
                elif line == "event: end":
                    return -1
        return version


@asynccontextmanager
async def working(client: QuireClient, http: httpx2.AsyncClient) -> AsyncGenerator[Work]:
    work = Work(client, http)
    async with asyncio.TaskGroup() as group:
        for watched in (work.watched_by_grpc, work.watched_by_http):
            group.create_task(watched())
            group.create_task(watched())
        yield work
        work.stop()


@pytest.fixture
async def api_key(quire: Quire) -> str:
    """Of a tenant that may do what the load does."""
    async with AdminClient.from_environment(environment=quire.env) as admin:
        tenant = await admin.create_tenant(f"rolling {uuid4()}", TIER_ENTERPRISE)
        return (await admin.create_api_key(tenant.id, "rolling")).secret


@pytest.fixture
async def model() -> AsyncIterator[HeldModel]:
    with held_model(ANSWER_SECONDS, free=sys.maxsize) as model:
        yield model


@pytest.fixture
async def replicas(quire: Quire, model: HeldModel, tmp_path: Path) -> AsyncIterator[Replicas]:
    async with two_of_each(quire, model.environ, tmp_path) as replicas:
        yield replicas


async def test_a_rolling_restart_fails_no_call_and_runs_no_document_twice(
    replicas: Replicas, model: HeldModel, api_key: str
) -> None:
    key = f"Bearer {api_key}"
    async with (
        balancing(replicas.http_addresses) as balancer,
        QuireClient(replicas.batch_address, api_key, replicas.upload_address) as client,
        httpx2.AsyncClient(base_url=balancer.url, headers={"Authorization": key}, timeout=30, trust_env=False) as http,
        steady_load(replicas.batch_address, replicas.upload_address, http, (("authorization", key),)) as load,
        working(client, http) as work,
    ):
        for replica in replicas.all():
            await replica.restart()
            await balancer.until_all_ready()
    assert load.failures == []
    assert load.made.keys() == SHARES.keys()
    assert balancer.refused == 0
    assert Counter(model.asked) == Counter(f"INV-{number:04}" for number in work.submitted)
