"""A server that is away is told of with the time to try again, and costs nothing that was accepted."""

import asyncio

import grpc
import httpx2
import pytest

from deploy.local.services import BATCH, EXTRACTOR, GATEWAY
from quire.batch.v1 import batch_service_pb2 as calls
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_QUEUED
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadHeader
from quire_client import QuireClient
from tests.e2e.grpc_stubs import batch_stub, upload_stub
from tests.e2e.running_quire import Quire, final
from tests.e2e.trying_again import NOTE, PATIENCE_SECONDS, PROMPT, assert_call_again, assert_try_again, submitted

pytestmark = pytest.mark.slow


async def uploaded(http: httpx2.AsyncClient) -> str:
    """A draft with one document."""
    created = await http.post("/v1/batches", json={"extraction_prompt": PROMPT})
    stored = await http.put(f"/v1/batches/{created.json()['id']}/files/note.txt", content=NOTE)
    assert stored.status_code == 201, stored.text
    return created.json()["id"]


def pids(quire: Quire) -> list[int]:
    return [quire.pid(service.name) for service in (BATCH, GATEWAY, EXTRACTOR)]


async def test_a_database_that_is_away_is_told_of_and_keeps_what_was_accepted(
    quire: Quire, http: httpx2.AsyncClient, client: QuireClient
) -> None:
    batch_id, before = await uploaded(http), pids(quire)
    await quire.end("postgres")
    try:
        assert_try_again(await http.get(f"/v1/batches/{batch_id}"))
        assert_try_again(await http.post("/v1/batches", json={"extraction_prompt": "total"}))
        assert_try_again(await http.put(f"/v1/batches/{batch_id}/files/more.txt", content=NOTE))
        async with batch_stub(quire.env) as (batches, key):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await batches.GetBatch(calls.GetBatchRequest(batch_id=batch_id), metadata=key)
        assert_call_again(refused.value)
    finally:
        await quire.start_servers()
    assert (await http.get(f"/v1/batches/{batch_id}")).json()["counters"]["uploaded"] == 1
    await client.seal(batch_id)
    assert (await final(client, batch_id)).status == BATCH_STATUS_COMPLETED
    assert pids(quire) == before


async def test_no_call_needs_the_broker_and_its_work_is_done_when_it_is_back(
    quire: Quire, http: httpx2.AsyncClient, client: QuireClient
) -> None:
    before = pids(quire)
    await quire.end("rabbitmq")
    try:
        sealed, cancelled = await submitted(http), await submitted(http)
        assert (await client.cancel(cancelled)).counters.cancelled == 1
        assert (await client.retry(cancelled)).retried_count == 1
        assert (await http.get(f"/v1/batches/{sealed}/results")).text == ""
        waiting = [await anext(client.watch(batch_id)) for batch_id in (sealed, cancelled)]
        assert [snapshot.batch.status for snapshot in waiting] == [BATCH_STATUS_QUEUED] * 2
    finally:
        await quire.start_servers()
    for batch_id in (sealed, cancelled):
        assert (await final(client, batch_id)).status == BATCH_STATUS_COMPLETED
    assert pids(quire) == before


async def test_a_store_that_is_away_is_told_of_and_costs_no_document(
    quire: Quire, http: httpx2.AsyncClient, client: QuireClient
) -> None:
    batch_id, before = await uploaded(http), pids(quire)
    announced = await client.add_documents((await client.create_batch(prompt="total")).id, [note_to_come()])
    await quire.end("object-store")
    try:
        path = f"/v1/batches/{announced[0].batch_id}/documents/{announced[0].id}/content"
        assert_try_again(await http.put(path, content=NOTE), "STORAGE_UNAVAILABLE")
        header = UploadHeader(batch_id=announced[0].batch_id, document_id=announced[0].id)
        async with upload_stub(quire.env) as (uploads, key):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await uploads.UploadDocument(
                    iter([UploadDocumentRequest(header=header), UploadDocumentRequest(chunk=NOTE)]), metadata=key
                )
        assert_call_again(refused.value, "STORAGE_UNAVAILABLE")
        await client.seal(batch_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for snapshot in client.watch(batch_id):
                if snapshot.batch.counters.retry_wait:
                    break
    finally:
        await quire.start_servers()
    assert (await http.put(path, content=NOTE)).json()["status"] == "UPLOADED"
    await client.cancel(announced[0].batch_id)
    batch = await final(client, batch_id)
    assert (batch.status, batch.counters.succeeded) == (BATCH_STATUS_COMPLETED, 1)
    assert pids(quire) == before


def note_to_come() -> calls.DocumentAnnouncement:
    return calls.DocumentAnnouncement(name="note.txt", size_bytes=len(NOTE))
