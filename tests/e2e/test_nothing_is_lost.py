"""Processes are killed in the middle of work; every document still ends once, with one result."""

import asyncio
import hashlib
import random
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from minio import Minio

from deploy.local import services
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from quire.batch.v1.batch_service_pb2 import ListDocumentAttemptsRequest
from quire_client import Content, Progress, QuireClient
from tests.e2e.conftest import Pile
from tests.e2e.grpc_stubs import batch_stub
from tests.e2e.held_model import SCHEMA, HeldModel, invoice
from tests.e2e.running_quire import FINAL_SECONDS, Quire, counted, final, recount

DOCUMENTS = 60
ANSWERED_BEFORE = 15
IN_FLIGHT = 4
LARGE_BYTES = 24 * 1024 * 1024

pytestmark = pytest.mark.slow


@pytest.fixture
def model(provider: HeldModel) -> Iterator[HeldModel]:
    provider.hold_after(ANSWERED_BEFORE)
    yield provider
    provider.release()


async def submit_invoices(client: QuireClient) -> str:
    files = [Content(f"{number}.txt", invoice(number)) for number in range(1, DOCUMENTS + 1)]
    return (await client.submit(files, prompt="invoice number", schema=SCHEMA, name="Invoices")).id


async def assert_each_succeeded_once(quire: Quire, client: QuireClient, batch_id: str) -> None:
    batch = await client.get(batch_id)
    assert batch.status == BATCH_STATUS_COMPLETED
    assert batch.counters.succeeded == batch.counters.total == DOCUMENTS
    assert counted(batch.counters) == await recount(client, batch_id)
    results = [result async for result in client.results(batch_id, include_errors=True)]
    assert [result.position for result in results] == list(range(1, DOCUMENTS + 1))
    assert [result.values["invoice_number"] for result in results] == [
        f"INV-{int(Path(result.name).stem):04}" for result in results
    ]
    assert stored_results(quire.env, batch_id) == Counter(result.document_id for result in results)


def stored_results(env: Mapping[str, str], batch_id: str) -> Counter[str]:
    """How many result objects each document of a batch has in the store."""
    keys = [key.split("/") for key in keys_of(env, batch_id) if key.endswith("/result.json")]
    return Counter(parts[parts.index("d") + 1] for parts in keys)


def keys_of(env: Mapping[str, str], batch_id: str) -> list[str]:
    store = Minio(
        env["QUIRE_S3_ENDPOINT"].removeprefix("http://"),
        access_key=env["QUIRE_S3_ACCESS_KEY"],
        secret_key=env["QUIRE_S3_SECRET_KEY"],
        region=env["QUIRE_S3_REGION"],
        secure=False,
    )
    listed = [str(one.object_name) for one in store.list_objects(env["QUIRE_S3_BUCKET"], recursive=True)]
    return [key for key in listed if f"/b/{batch_id}/" in key]


async def outcomes(quire: Quire, client: QuireClient, batch_id: str) -> dict[str, list[str]]:
    """What each attempt at each document came to, by invoice number."""
    found: dict[str, list[str]] = {}
    async with batch_stub(quire.env) as (stub, key):
        async for document in client.documents(batch_id):
            asked = ListDocumentAttemptsRequest(batch_id=batch_id, document_id=document.id)
            attempts = (await stub.ListDocumentAttempts(asked, metadata=key)).attempts
            found[f"INV-{int(Path(document.name).stem):04}"] = [attempt.outcome for attempt in attempts]
    return found


async def test_a_gateway_killed_during_an_upload_leaves_one_whole_document(
    quire: Quire, client: QuireClient, pile: Pile, tmp_path: Path
) -> None:
    large, killed = large_document(pile, tmp_path), asyncio.Event()

    def kill_halfway(progress: Progress) -> None:
        if progress.bytes_sent > LARGE_BYTES // 2 and not killed.is_set():
            quire.kill("gateway")
            killed.set()

    submitting = asyncio.create_task(client.submit(large, prompt=pile.prompt, on_progress=kill_halfway))
    async with asyncio.timeout(30):
        await killed.wait()
    await quire.start(services.GATEWAY)
    batch = await final(client, (await submitting).id)
    assert (batch.status, batch.counters.succeeded) == (BATCH_STATUS_COMPLETED, 1)
    [document] = [document async for document in client.documents(batch.id)]
    assert document.sha256 == hashlib.sha256(large.read_bytes()).hexdigest()
    uploads = [key for key in keys_of(quire.env, batch.id) if "/u/" in key]
    assert len(uploads) == 1
    [result] = [result async for result in client.results(batch.id)]
    assert result.values["supplier"] == pile.truth["documents"]["contract-northgate.docx"]["fields"]["supplier"]


def large_document(pile: Pile, folder: Path) -> Path:
    """A contract with a picture nobody looks at."""
    path = folder / "contract-northgate.docx"
    path.write_bytes((pile.folder / path.name).read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("word/media/picture.bin", random.Random(2).randbytes(LARGE_BYTES))
    return path


async def test_a_killed_extractor_loses_no_document_and_doubles_no_result(
    quire: Quire, client: QuireClient, model: HeldModel
) -> None:
    batch_id = await submit_invoices(client)
    await asyncio.to_thread(model.wait_until_holding, IN_FLIGHT)
    quire.kill("extractor")
    model.release()
    await quire.start(services.EXTRACTOR, model.environ)
    await final(client, batch_id)
    await assert_each_succeeded_once(quire, client, batch_id)
    again = {number for number, asked in Counter(model.asked).items() if asked > 1}
    came = await outcomes(quire, client, batch_id)
    assert all(came[number] == ["lost", "succeeded"] for number in again), came
    assert len(again) >= IN_FLIGHT


async def test_a_killed_batch_service_loses_no_document_and_runs_none_twice(
    quire: Quire, client: QuireClient, model: HeldModel
) -> None:
    batch_id = await submit_invoices(client)
    await asyncio.to_thread(model.wait_until_holding, IN_FLIGHT)
    snapshots = client.watch(batch_id)
    await anext(snapshots)
    quire.kill("batch")
    model.release()
    await quire.start(services.BATCH)
    async with asyncio.timeout(FINAL_SECONDS):
        versions = [snapshot.batch.version async for snapshot in snapshots]
    assert versions == sorted(versions)
    await assert_each_succeeded_once(quire, client, batch_id)
    assert Counter(model.asked) == Counter({f"INV-{number:04}": 1 for number in range(1, DOCUMENTS + 1)})


async def test_a_drained_extractor_finishes_what_it_holds_and_nothing_runs_twice(
    quire: Quire, client: QuireClient, model: HeldModel
) -> None:
    batch_id = await submit_invoices(client)
    await asyncio.to_thread(model.wait_until_holding, IN_FLIGHT)
    ending = asyncio.create_task(quire.end("extractor"))
    await quire.until_logged("extractor", "process_draining")
    model.release()
    await ending
    assert (await client.get(batch_id)).counters.processed < DOCUMENTS
    await quire.start(services.EXTRACTOR, model.environ)
    await final(client, batch_id)
    await assert_each_succeeded_once(quire, client, batch_id)
    assert Counter(model.asked) == Counter({f"INV-{number:04}": 1 for number in range(1, DOCUMENTS + 1)})
