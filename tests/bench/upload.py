"""Upload: files through the gateway by HTTP and by gRPC, beside the bare minio SDK on the same store."""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import urllib3
from minio import Minio

from deploy.local.services import BATCH, GATEWAY
from quire.batch.v1.document_pb2 import Document
from tests.bench.documents import SIZE_BYTES, document
from tests.bench.figures import Figure, Goal, Section, compare
from tests.bench.rounds import Size, alternate
from tests.bench.stage import Stage
from tests.bench.tenant import Tenant, open_tenant

MB = 1_000_000
T = TypeVar("T")
U = TypeVar("U")
SDK, HTTP, GRPC = "minio SDK", "gateway, HTTP PUT", "gateway, gRPC"


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent in one turn."""

    name: str
    files: int
    size_bytes: int
    together: int
    """Files under way at the same time."""
    goal: Goal | None
    unit: str

    def rate(self, seconds: float) -> float:
        """In `unit`."""
        return self.files * self.size_bytes / MB / seconds if self.unit == "MB/s" else self.files / seconds


async def measure(stage: Stage, size: Size) -> Section:
    """Alternate the three, for each load."""
    await stage.migrate()
    await stage.start(BATCH)
    await stage.start(GATEWAY)
    figures: list[Figure] = []
    async with open_tenant(stage) as tenant:
        for load in _loads(size):
            figures += _figures(load, await _alternated(stage, tenant, load, size))
    await stage.end(GATEWAY, BATCH)
    return Section("upload", "Upload", _what(size), tuple(figures))


def _loads(size: Size) -> list[Load]:
    goal = Goal(0.6)
    return [
        Load("10 MB, one at a time", size.of(10), 10 * MB, 1, goal, "MB/s"),
        Load("10 MB, 4 at a time", size.of(20), 10 * MB, 4, goal, "MB/s"),
        Load("20 KB, 8 at a time", size.of(500), SIZE_BYTES, 8, None, "files/s"),
    ]


async def _alternated(stage: Stage, tenant: Tenant, load: Load, size: Size) -> dict[str, list[float]]:
    body = document(0, load.size_bytes)
    sdk, http, grpc = _Sdk(stage, load, body), _Http(stage, tenant, load, body), _Grpc(tenant, load, body)
    return await alternate(size, {one.name: partial(_timed, load, one.send_all) for one in (sdk, http, grpc)})


async def _timed(load: Load, send_all: Callable[[], Awaitable[float]]) -> float:
    return load.rate(await send_all())


@dataclass(frozen=True)
class _Sdk:
    stage: Stage
    load: Load
    body: bytes
    name: str = SDK

    async def send_all(self) -> float:
        return await asyncio.to_thread(_threaded, self._send, range(self.load.files), self.load.together, self._store())

    def _store(self) -> Minio:
        env = self.stage.env
        return Minio(
            endpoint=urlsplit(env["QUIRE_S3_ENDPOINT"]).netloc,
            access_key=env["QUIRE_S3_ACCESS_KEY"],
            secret_key=env["QUIRE_S3_SECRET_KEY"],
            secure=False,
            region=env["QUIRE_S3_REGION"],
        )

    def _send(self, store: Minio, _: int) -> None:
        bucket, size = self.stage.env["QUIRE_S3_BUCKET"], len(self.body)
        store.put_object(bucket_name=bucket, object_name=f"sdk/{uuid4()}", data=io.BytesIO(self.body), length=size)


@dataclass(frozen=True)
class _Http:
    stage: Stage
    tenant: Tenant
    load: Load
    body: bytes
    name: str = HTTP

    async def send_all(self) -> float:
        batch_id, documents = await self.tenant.draft([len(self.body)] * self.load.files)
        pool = urllib3.PoolManager(maxsize=self.load.together)
        seconds = await asyncio.to_thread(_threaded, self._send, documents, self.load.together, pool)
        await self.tenant.client.cancel(batch_id)
        return seconds

    def _send(self, pool: urllib3.PoolManager, one: Document) -> None:
        url = f"{self.stage.env['QUIRE_GATEWAY_URL']}/v1/batches/{one.batch_id}/documents/{one.id}/content"
        headers = {"Authorization": f"Bearer {self.tenant.key}", "Content-Type": "text/plain"}
        answer = pool.request("PUT", url, body=self.body, headers=headers, retries=False)
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {answer.data[:500]!r}")


@dataclass(frozen=True)
class _Grpc:
    tenant: Tenant
    load: Load
    body: bytes
    name: str = GRPC

    async def send_all(self) -> float:
        batch_id, documents = await self.tenant.draft([len(self.body)] * self.load.files)
        left = iter(documents)
        began = time.perf_counter()
        await asyncio.gather(*(self._send(left) for _ in range(self.load.together)))
        seconds = time.perf_counter() - began
        await self.tenant.client.cancel(batch_id)
        return seconds

    async def _send(self, left: Iterator[Document]) -> None:
        for one in left:
            await self.tenant.client.upload(one.batch_id, one.id, self.body)


def _threaded(send: Callable[[T, U], None], things: Sequence[U], threads: int, shared: T) -> float:
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(partial(send, shared), things))
        return time.perf_counter() - began


def _figures(load: Load, runs: dict[str, list[float]]) -> list[Figure]:
    sdk = Figure(f"{SDK}: {load.name}", load.unit, tuple(runs[SDK]))
    gateway = [compare(f"{name}: {load.name}", load.unit, runs[name], sdk, load.goal) for name in (HTTP, GRPC)]
    return [*gateway, sdk]


def _what(size: Size) -> str:
    counts = ", ".join(f"{load.files} × {load.name}" for load in _loads(size))
    return (
        f"{counts}. Through the gateway a file is begun, streamed, hashed on the way and recorded; the SDK only puts "
        f"it, with its own defaults (10 MB go out as two parallel parts). Clients run on the same machine: HTTP by "
        f"urllib3, as the SDK does; gRPC by Quire's own client, which hashes the file as well."
    )
