"""The same way by gRPC, with nothing but what the protos generate, or not even that."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import httpx2
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from quire.batch.v1 import batch_pb2, document_pb2
from quire.batch.v1 import batch_service_pb2 as calls
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadHeader
from tests.e2e.conftest import Pile
from tests.e2e.grpc_stubs import batch_stub, detail_of, upload_stub
from tests.e2e.running_quire import FINAL_SECONDS, Quire

CHUNK_BYTES = 64 * 1024
CALL_SECONDS = 10.0


def parts_of(header: UploadHeader, path: Path) -> Iterator[UploadDocumentRequest]:
    yield UploadDocumentRequest(header=header)
    content = path.read_bytes()
    for start in range(0, len(content), CHUNK_BYTES):
        yield UploadDocumentRequest(chunk=content[start : start + CHUNK_BYTES])


async def test_a_pile_goes_from_draft_to_results_by_generated_stubs(quire: Quire, pile: Pile) -> None:
    async with batch_stub(quire.env) as (batches, key), upload_stub(quire.env) as (uploads, _):
        create = calls.CreateBatchRequest(request_id=str(uuid4()), extraction_prompt=pile.prompt)
        batch_id = (await batches.CreateBatch(create, metadata=key)).batch.id
        announced = [calls.DocumentAnnouncement(name=path.name) for path in pile.paths]
        add = calls.AddDocumentsRequest(request_id=str(uuid4()), batch_id=batch_id, documents=announced)
        documents = (await batches.AddDocuments(add, metadata=key)).documents
        for document, path in zip(documents, pile.paths, strict=True):
            header = UploadHeader(batch_id=batch_id, document_id=document.id)
            stored = (await uploads.UploadDocument(parts_of(header, path), metadata=key)).document
            assert stored.status == document_pb2.DOCUMENT_STATUS_UPLOADED
            assert stored.size_bytes == path.stat().st_size
        seal = calls.SealBatchRequest(request_id=str(uuid4()), batch_id=batch_id)
        await batches.SealBatch(seal, metadata=key)

        async with asyncio.timeout(FINAL_SECONDS):
            watch = batches.WatchBatch(calls.WatchBatchRequest(batch_id=batch_id), metadata=key)
            snapshots = [answer.batch async for answer in watch]
        versions = [snapshot.version for snapshot in snapshots]
        assert versions == sorted(set(versions))
        assert snapshots[-1].status == batch_pb2.BATCH_STATUS_COMPLETED_WITH_ERRORS

        read = calls.StreamResultsRequest(batch_id=batch_id, include_errors=True)
        results = [answer.result async for answer in batches.StreamResults(read, metadata=key)]
        assert [result.position for result in results] == list(range(1, len(pile.paths) + 1))
        failed = {result.document_name: result.error.code for result in results if result.HasField("error")}
        assert failed == pile.unreadable
        for result in results:
            listed = await batches.ListDocumentAttempts(
                calls.ListDocumentAttemptsRequest(batch_id=batch_id, document_id=result.document_id), metadata=key
            )
            wanted = "failed" if result.document_name in failed else "succeeded"
            assert [attempt.outcome for attempt in listed.attempts] == [wanted]


async def test_a_service_nobody_told_us_about_is_found_and_called_by_reflection(
    quire: Quire, http: httpx2.AsyncClient
) -> None:
    by_http = (await http.get("/v1/limits")).json()
    found = await asyncio.to_thread(limits_by_reflection, quire)
    assert found["limits"]["tier"] == f"TIER_{by_http['limits']['tier']}"
    numbers = {name: value for name, value in by_http["limits"].items() if isinstance(value, int)}
    assert {name: int(found["limits"][name]) for name in numbers} == numbers


def limits_by_reflection(quire: Quire) -> dict[str, Any]:
    """Ask the server what it serves, build the messages from its answer, call GetLimits."""
    with grpc.insecure_channel(quire.env["QUIRE_ENDPOINT"]) as channel:
        database: Any = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) >= {"quire.batch.v1.BatchService", "grpc.health.v1.Health"}
        service = DescriptorPool(database).FindServiceByName("quire.batch.v1.BatchService")
        method = service.FindMethodByName("GetLimits")
        asked, answered = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = channel.unary_unary(f"/{service.full_name}/{method.name}", asked.SerializeToString, answered.FromString)
        key = (("authorization", f"Bearer {quire.env['QUIRE_API_KEY']}"),)
        answer = call(asked(), metadata=key, timeout=CALL_SECONDS)
    return MessageToDict(answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


async def test_what_is_not_there_is_not_found(quire: Quire) -> None:
    async with batch_stub(quire.env) as (batches, key):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await batches.GetBatch(calls.GetBatchRequest(batch_id=str(uuid4())), metadata=key)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    info = detail_of(refused.value, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("NOT_FOUND", "quire")


async def test_every_wrong_field_is_named(quire: Quire) -> None:
    async with batch_stub(quire.env) as (batches, key):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await batches.CreateBatch(calls.CreateBatchRequest(name="n" * 201, output_schema="no"), metadata=key)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    named = {one.field for one in detail_of(refused.value, error_details_pb2.BadRequest).field_violations}
    assert named >= {"name", "extraction_prompt", "output_schema"}


async def test_a_tier_without_batches_names_the_tier_to_move_to_and_sees_nobody_elses(quire: Quire) -> None:
    said = await quire.command("admin", "create-key", "--tenant", "passer-by", "--tier", "FREE", "--json")
    async with batch_stub({**quire.env, "QUIRE_API_KEY": json.loads(said.out)["key"]}) as (batches, key):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await batches.CreateBatch(calls.CreateBatchRequest(extraction_prompt="total"), metadata=key)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        info = detail_of(refused.value, error_details_pb2.ErrorInfo)
        assert (info.reason, info.metadata["tier_required"]) == ("TIER_REQUIRED", "PLUS")
        assert not (await batches.ListBatches(calls.ListBatchesRequest(), metadata=key)).batches
        foreign = await a_batch_of_the_demo_tenant(quire)
        with pytest.raises(grpc.aio.AioRpcError) as hidden:
            await batches.GetBatch(calls.GetBatchRequest(batch_id=foreign), metadata=key)
        assert hidden.value.code() is grpc.StatusCode.NOT_FOUND


async def a_batch_of_the_demo_tenant(quire: Quire) -> str:
    async with batch_stub(quire.env) as (batches, key):
        created = await batches.CreateBatch(calls.CreateBatchRequest(extraction_prompt="total"), metadata=key)
        await batches.CancelBatch(calls.CancelBatchRequest(batch_id=created.batch.id), metadata=key)
    return created.batch.id


@pytest.mark.parametrize("key", [(), (("authorization", "Bearer quire_wrong"),)])
async def test_a_call_without_a_valid_key_is_unauthenticated(quire: Quire, key: tuple[tuple[str, str], ...]) -> None:
    async with batch_stub(quire.env) as (batches, _), upload_stub(quire.env) as (uploads, _):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await batches.GetLimits(calls.GetLimitsRequest(), metadata=key)
        with pytest.raises(grpc.aio.AioRpcError) as shut:
            await uploads.UploadDocument(iter([UploadDocumentRequest(header=UploadHeader())]), metadata=key)
    assert refused.value.code() is shut.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert detail_of(refused.value, error_details_pb2.ErrorInfo).reason == "UNAUTHENTICATED"
