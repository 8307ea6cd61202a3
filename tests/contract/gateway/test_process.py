"""The gateway as a process of its own: its command line, its memory, its end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest
from fake_batch import API_KEY, SERVICE_TOKEN, Memory
from object_store import ACCESS_KEY, BUCKET, SECRET_KEY, ObjectStore
from test_uploads import eventually

from gateway.settings import GatewaySettings

MEBIBYTE = 1024 * 1024
UPLOAD_BYTES = 300 * MEBIBYTE
COMMAND = (sys.executable, "-m", "gateway")


def environment(settings: GatewaySettings) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "QUIRE_S3_ENDPOINT": settings.s3_endpoint,
        "QUIRE_S3_ACCESS_KEY": ACCESS_KEY,
        "QUIRE_S3_SECRET_KEY": SECRET_KEY,
        "QUIRE_S3_BUCKET": BUCKET,
        "QUIRE_BATCH_ADDRESS": settings.batch_address,
        "QUIRE_GATEWAY_TOKEN": SERVICE_TOKEN,
        "QUIRE_GATEWAY_HTTP_LISTEN": settings.gateway_http_listen,
        "QUIRE_GATEWAY_GRPC_LISTEN": settings.gateway_grpc_listen,
        "QUIRE_DRAIN_SECONDS": "20",
        "QUIRE_NOTICE_SECONDS": "0.5",
    }


@asynccontextmanager
async def running_gateway(
    settings: GatewaySettings, changes: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, httpx2.AsyncClient]]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", env={**environment(settings), **changes}, stderr=asyncio.subprocess.DEVNULL
    )
    base, key = f"http://{settings.gateway_http_listen}", {"Authorization": f"Bearer {API_KEY}"}
    try:
        async with httpx2.AsyncClient(base_url=base, headers=key, timeout=120, trust_env=False) as http:
            await _until_ready(http)
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_ready(http: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await http.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                await asyncio.sleep(0.05)


async def announced(http: httpx2.AsyncClient) -> str:
    batch = (await http.post("/v1/batches", json={"extraction_prompt": "total"})).json()
    documents = {"documents": [{"name": "large.bin"}]}
    added = (await http.post(f"/v1/batches/{batch['id']}/documents", json=documents)).json()
    return f"/v1/batches/{batch['id']}/documents/{added['documents'][0]['id']}"


async def made_up(size: int) -> AsyncIterator[bytes]:
    chunk = os.urandom(65536)
    for _ in range(size // len(chunk)):
        yield chunk


def peak_bytes(process: asyncio.subprocess.Process) -> int:
    [line] = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["known length", "unknown length"])
async def test_memory_stays_flat_while_a_large_document_is_uploaded(
    settings: GatewaySettings, memory: Memory, object_store: ObjectStore, known: bool
) -> None:
    memory.max_bytes = 2 * UPLOAD_BYTES
    async with running_gateway(settings) as (process, http):
        small, large = await announced(http), await announced(http)
        await http.put(f"{small}/content", content=b"warm")
        before = peak_bytes(process)
        headers = {"Content-Length": str(UPLOAD_BYTES)} if known else {}
        answer = await http.put(f"{large}/content", content=made_up(UPLOAD_BYTES), headers=headers)
        assert answer.json()["size_bytes"] == UPLOAD_BYTES
        assert peak_bytes(process) - before < 64 * MEBIBYTE
    for key in memory.object_keys:
        object_store.client.remove_object(BUCKET, key)


async def test_a_running_upload_is_finished_when_the_process_is_told_to_stop(
    settings: GatewaySettings, memory: Memory
) -> None:
    told = asyncio.Event()
    async with running_gateway(settings) as (process, http):
        uploading = asyncio.create_task(http.put(f"{await announced(http)}/content", content=_paused(told)))
        await eventually(lambda: bool(memory.object_keys))
        process.send_signal(signal.SIGTERM)
        await _until_refused(settings)
        process.send_signal(signal.SIGTERM)  # whoever is impatient breaks nothing
        told.set()
        assert (await uploading).json()["status"] == "UPLOADED"
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_an_upload_that_outlasts_the_drain_is_cut_and_told_by_the_exit_status(
    settings: GatewaySettings, memory: Memory
) -> None:
    short, told = {"QUIRE_DRAIN_SECONDS": "3"}, asyncio.Event()
    async with running_gateway(settings, short) as (process, http):
        uploading = asyncio.create_task(http.put(f"{await announced(http)}/content", content=_paused(told)))
        await eventually(lambda: bool(memory.object_keys))
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 1
        told.set()
        with pytest.raises(httpx2.TransportError):
            await uploading


async def _paused(told: asyncio.Event) -> AsyncIterator[bytes]:
    yield bytes(65536)
    await told.wait()
    yield bytes(65536)


async def _until_refused(settings: GatewaySettings) -> None:
    host, _, port = settings.gateway_http_listen.rpartition(":")
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.05)


async def test_the_command_without_arguments_prints_its_help() -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, env={}, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"serve" in output


async def test_the_process_names_every_missing_setting_and_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(*COMMAND, "serve", env={}, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 78
    for name in (b"QUIRE_S3_ENDPOINT", b"QUIRE_BATCH_ADDRESS", b"QUIRE_GATEWAY_TOKEN"):
        assert name in errors
    assert b"AMQP" not in errors
