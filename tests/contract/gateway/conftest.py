"""A gateway on real ports, between a fake batch service and a real S3 server."""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
from pydantic import SecretStr

from chassis.blobs import Blobs
from chassis.rpc_client import open_channel
from gateway.app import Doors
from gateway.backend import Backend
from gateway.settings import GatewaySettings
from gateway.upload import Uploads

sys.path.append(str(Path(__file__).parent))

from fake_batch import API_KEY, SERVICE_TOKEN, Memory, serve_fake_batch
from object_store import ACCESS_KEY, BUCKET, HOST, SECRET_KEY, ObjectStore, free_ports, running_object_store

SESSION_KEY = "a key of the tests that seals sign-ins"


@dataclass
class Stage:
    """Everything a test of the gateway touches."""

    memory: Memory
    store: ObjectStore
    http: httpx2.AsyncClient
    rpc: grpc.aio.Channel
    doors: Doors
    uploads: Uploads
    settings: GatewaySettings

    async def batch_id(self) -> str:
        created = await self.http.post("/v1/batches", json={"extraction_prompt": "the total"})
        return created.json()["id"]

    async def document(self, **announced: object) -> str:
        """Path of a freshly announced document."""
        batch_id = await self.batch_id()
        body = {"documents": [{"name": "a.pdf", **announced}]}
        added = await self.http.post(f"/v1/batches/{batch_id}/documents", json=body)
        return f"/v1/batches/{batch_id}/documents/{added.json()['documents'][0]['id']}"

    def kept(self) -> set[str]:
        """Keys this test's uploads left in the store."""
        return self.store.stored() & set(self.memory.object_keys)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with running_object_store(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture
async def memory() -> Memory:
    return Memory()


@pytest.fixture
async def batch_port(memory: Memory) -> AsyncIterator[int]:
    server, port = await serve_fake_batch(memory)
    yield port
    await server.stop(None)


@pytest.fixture
def settings(object_store: ObjectStore, batch_port: int) -> GatewaySettings:
    http_port, grpc_port = free_ports(2)
    return GatewaySettings(
        s3_endpoint=object_store.endpoint,
        s3_access_key=SecretStr(ACCESS_KEY),
        s3_secret_key=SecretStr(SECRET_KEY),
        s3_bucket=BUCKET,
        batch_address=f"{HOST}:{batch_port}",
        gateway_token=SecretStr(SERVICE_TOKEN),
        session_keys=SecretStr(SESSION_KEY),
        gateway_http_listen=f"{HOST}:{http_port}",
        gateway_grpc_listen=f"{HOST}:{grpc_port}",
        drain_seconds=6,
        notice_seconds=0.1,
    )


@asynccontextmanager
async def staged(settings: GatewaySettings, memory: Memory, store: ObjectStore) -> AsyncGenerator[Stage]:
    blobs, channel = Blobs(settings), open_channel(settings.batch_address)
    backend = Backend(channel, settings.gateway_token.get_secret_value())
    uploads = Uploads(backend, blobs)
    doors = Doors(settings, backend, blobs, uploads)
    await doors.start()
    base, key = f"http://{settings.gateway_http_listen}", {"Authorization": f"Bearer {API_KEY}"}
    async with (
        httpx2.AsyncClient(base_url=base, headers=key, timeout=30, trust_env=False) as http,
        grpc.aio.insecure_channel(settings.gateway_grpc_listen) as rpc,
    ):
        yield Stage(memory, store, http, rpc, doors, uploads, settings)
    await doors.stop()
    await uploads.settle(5)
    await channel.close()
    blobs.close()


@pytest.fixture
async def stage(settings: GatewaySettings, memory: Memory, object_store: ObjectStore) -> AsyncIterator[Stage]:
    async with staged(settings, memory, object_store) as opened:
        yield opened
