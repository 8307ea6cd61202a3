"""Memory: the extractor with 32 slots, idle and at work, and the gateway while a large file passes through it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2

from deploy.local.services import BATCH, EXTRACTOR, GATEWAY
from quire.batch.v1.document_pb2 import Document
from tests.bench.documents import SIZE_BYTES, document
from tests.bench.figures import Figure, Goal, Section
from tests.bench.processes import children_of, resident_mib, watched_memory
from tests.bench.rounds import Size
from tests.bench.stage import SLOTS, Stage
from tests.bench.tenant import Tenant, open_tenant

DOCUMENTS = 300
LARGE_DOCUMENTS = 64
LARGE_BYTES = 200 * 1024
FILE_BYTES = 500_000_000
CHUNK_BYTES = 1024 * 1024
GOAL = Goal(250, at_most=True)


async def measure(stage: Stage, size: Size) -> Section:
    """Look at the processes while they work; one run, fresh processes."""
    await stage.migrate()
    await stage.end(EXTRACTOR, GATEWAY, BATCH)
    await stage.start_all()
    async with open_tenant(stage) as tenant:
        figures = [*await _extractor(stage, tenant, size), *await _gateway(stage, tenant, size)]
    await stage.end(EXTRACTOR, GATEWAY, BATCH)
    return Section("memory", "Memory", _what(size), tuple(figures))


async def _extractor(stage: Stage, tenant: Tenant, size: Size) -> list[Figure]:
    pid = stage.pid(EXTRACTOR.name)
    idle, idle_children = resident_mib(pid), [resident_mib(child) for child in children_of(pid)]
    small = await tenant.filled(size.of(DOCUMENTS), SIZE_BYTES)
    large = await tenant.filled(size.of(LARGE_DOCUMENTS), LARGE_BYTES)
    async with watched_memory(pid) as peaks:
        await tenant.finish(small)
        await tenant.finish(large)
    children = [mib for one, mib in peaks.mib.items() if one != pid]
    return [
        Figure(f"extractor at work, {SLOTS} slots", "MiB", (peaks.mib[pid],), goal=GOAL),
        Figure(f"extractor idle, {SLOTS} slots", "MiB", (idle,), goal=GOAL),
        Figure("parser child at work", "MiB", tuple(children)),
        Figure("parser child idle", "MiB", tuple(idle_children)),
    ]


async def _gateway(stage: Stage, tenant: Tenant, size: Size) -> list[Figure]:
    file, bytes_ = stage.home.root / "large", size.of(FILE_BYTES)
    _write(file, bytes_)

    async def by_http(one: Document) -> None:
        await _put(stage, tenant, one, file, bytes_)

    async def by_grpc(one: Document) -> None:
        await tenant.client.upload(one.batch_id, one.id, file)

    figures = [
        await _passed(stage, tenant, "HTTP", bytes_, by_http),
        await _passed(stage, tenant, "gRPC", bytes_, by_grpc),
    ]
    file.unlink()
    return [figure for pair in figures for figure in pair]


async def _passed(
    stage: Stage, tenant: Tenant, name: str, size: int, send: Callable[[Document], Awaitable[None]]
) -> list[Figure]:
    """Send it through the gateway, which has had small files only, or a large one by the other door."""
    pid = stage.pid(GATEWAY.name)
    batch_id, documents = await tenant.draft([size])
    before = resident_mib(pid)
    async with watched_memory(pid) as peaks:
        await send(documents[0])
    await tenant.client.cancel(batch_id)
    growth = peaks.mib[pid] - before
    return [
        Figure(f"gateway grows during {size / 1e6:.0f} MB by {name}", "MiB", (growth,)),
        Figure(f"gateway at most, {name}", "MiB", (peaks.mib[pid],)),
    ]


async def _put(stage: Stage, tenant: Tenant, one: Document, file: Path, size: int) -> None:
    headers = {"Authorization": f"Bearer {tenant.key}", "Content-Length": str(size)}
    async with httpx2.AsyncClient(base_url=stage.env["QUIRE_GATEWAY_URL"], timeout=120, trust_env=False) as http:
        path = f"/v1/batches/{one.batch_id}/documents/{one.id}/content"
        answer = await http.put(path, content=_chunks(file), headers=headers)
        answer.raise_for_status()


async def _chunks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk


def _write(file: Path, size: int) -> None:
    chunk = document(0, CHUNK_BYTES)
    with file.open("wb") as stream:
        for start in range(0, size, len(chunk)):
            stream.write(chunk[: size - start])


def _what(size: Size) -> str:
    return (
        f"Resident memory by /proc, looked at every 50 ms. Builtin engine, {size.of(DOCUMENTS)} documents of 20 KB, "
        f"then {size.of(LARGE_DOCUMENTS)} of 200 KB. A single run from fresh processes: low and high of a parser "
        f"child are over the children."
    )
