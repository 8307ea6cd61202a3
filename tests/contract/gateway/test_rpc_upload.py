import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest
from conftest import Stage
from fake_batch import API_KEY
from grpc_health.v1 import health_pb2, health_pb2_grpc
from test_uploads import eventually

from chassis.errors import from_rpc_error
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadDocumentResponse, UploadHeader
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceStub

BODY = os.urandom(300_000)


def header(path: str, **more: Any) -> UploadDocumentRequest:
    _, _, _, batch_id, _, document_id = path.split("/")
    return UploadDocumentRequest(header=UploadHeader(batch_id=batch_id, document_id=document_id, **more))


async def messages(*first: UploadDocumentRequest, body: bytes = BODY) -> AsyncIterator[UploadDocumentRequest]:
    for message in first:
        yield message
    for start in range(0, len(body), 65536):
        yield UploadDocumentRequest(chunk=body[start : start + 65536])


async def upload(
    stage: Stage, sent: AsyncIterator[UploadDocumentRequest], key: str = API_KEY
) -> UploadDocumentResponse:
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    return await UploadServiceStub(stage.rpc).UploadDocument(sent, metadata=metadata, timeout=20)


async def test_upload_over_grpc_stores_the_bytes(stage: Stage) -> None:
    path = await stage.document()
    sha256 = hashlib.sha256(BODY).hexdigest()
    answer = await upload(stage, messages(header(path, size_bytes=len(BODY), sha256=sha256)))
    assert answer.document.sha256 == sha256
    [key] = stage.kept()
    assert stage.store.read(key) == BODY


@pytest.mark.parametrize(
    ("first", "body", "reason"),
    [
        ({"size_bytes": 5}, BODY, "CHECKSUM_MISMATCH"),
        ({"sha256": "0" * 64}, BODY, "CHECKSUM_MISMATCH"),
        ({"sha256": "ü" * 100_000}, BODY, "CHECKSUM_MISMATCH"),
        ({}, b"", "FILE_EMPTY"),
        ({"size_bytes": -1}, BODY, "FIELD_INVALID"),
        ({"size_bytes": 2**40}, BODY, "FILE_TOO_LARGE"),
        ({}, bytes(9 * 1024 * 1024), "FILE_TOO_LARGE"),
    ],
    ids=["size", "sha256", "endless sha256", "empty", "negative", "too large at once", "too large at the limit"],
)
async def test_upload_over_grpc_is_refused_with_its_reason(
    stage: Stage, first: dict[str, Any], body: bytes, reason: str
) -> None:
    path = await stage.document()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upload(stage, messages(header(path, **first), body=body))
    assert from_rpc_error(caught.value).reason == reason
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await eventually(lambda: not stage.kept())


async def test_upload_over_grpc_without_a_header_is_refused(stage: Stage) -> None:
    for sent in (messages(), messages(body=b"")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await upload(stage, sent)
        assert "header" in from_rpc_error(caught.value).violations


@pytest.mark.catalogue("G24")
async def test_upload_over_grpc_of_bytes_that_are_no_message_is_refused(stage: Stage) -> None:
    async def garbage() -> AsyncIterator[bytes]:
        yield header(await stage.document()).SerializeToString()
        yield b"\xff\xff"

    method = "/quire.upload.v1.UploadService/UploadDocument"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await cast("Any", stage.rpc).stream_unary(method)(garbage(), metadata=(("authorization", f"Bearer {API_KEY}"),))
    assert list(from_rpc_error(caught.value).violations) == ["message"]
    await eventually(lambda: stage.uploads.open == 0 and not stage.kept())


async def test_upload_over_grpc_without_a_credential_is_refused(stage: Stage) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upload(stage, messages(header(await stage.document())), key="")
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_grpc_client_that_leaves_leaves_nothing_behind(stage: Stage) -> None:
    path = await stage.document()
    call = UploadServiceStub(stage.rpc).UploadDocument(metadata=(("authorization", f"Bearer {API_KEY}"),))
    await call.write(header(path))
    for _ in range(20):
        await call.write(UploadDocumentRequest(chunk=bytes(65536)))
    await eventually(lambda: stage.uploads.open == 1)
    call.cancel()
    await eventually(lambda: stage.uploads.open == 0)
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]
    await eventually(lambda: not stage.kept())


async def test_health_over_grpc_says_serving(stage: Stage) -> None:
    request = health_pb2.HealthCheckRequest(service="quire.upload.v1.UploadService")
    stub = cast("Any", health_pb2_grpc.HealthStub)(stage.rpc)
    answer = await stub.Check(request)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
