"""Calls that no client of ours would make: each has its code, none harms the process or costs more than it may."""

from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from chassis.errors import CallReason, from_rpc_error
from quire.admin.v1.admin_service_pb2 import CreateApiKeyRequest
from quire.batch.v1.batch_pb2 import BatchOptions
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    CreateBatchRequest,
    CreateBatchResponse,
    DocumentAnnouncement,
)
from quire.intake.v1.intake_service_pb2 import CompleteUploadRequest
from tests.integration.batch.raw_calls import CREATE, LIST, refused_bytes, sent
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import succeed
from tests.integration.batch.world import World


@pytest.mark.catalogue("G24")
@pytest.mark.parametrize("content", [b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x05ab", b"\x0a\x80" * 200_000])
async def test_bytes_that_are_no_message_are_invalid_and_the_connection_lives(world: World, content: bytes) -> None:
    tenant = await world.tenant()
    for method in (CREATE, LIST):
        error = await refused_bytes(tenant.door, method, content, tenant.metadata)
        assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["message"])
    assert (await tenant.create()).id


@pytest.mark.catalogue("G24")
async def test_a_stream_whose_messages_are_none_ends_with_an_error(world: World) -> None:
    async def garbage() -> AsyncIterator[bytes]:
        yield b"\xff\xff"

    call = cast("Any", world.door.channel).stream_stream("/quire.work.v1.WorkService/Attach")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(garbage(), metadata=world.door.worker, timeout=20).read()
    assert list(from_rpc_error(caught.value).violations) == ["message"]


@pytest.mark.catalogue("G03", "G19")
async def test_a_thousand_faults_are_told_in_an_answer_that_arrives(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    announced = [DocumentAnnouncement(name="", sha256="ü" * 1_000, media_type="é" * 300)] * 1_000
    asked = AddDocumentsRequest(batch_id=batch.id, documents=announced)
    error = await refused(tenant.door.batch.AddDocuments(asked, metadata=tenant.metadata))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(error.violations)[:3] == ["documents[0].name", "documents[0].sha256", "documents[0].media_type"]


@pytest.mark.catalogue("G15")
async def test_a_seal_that_lacks_long_names_is_told_so_in_an_answer_that_arrives(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    announced = [DocumentAnnouncement(name=f"{number:02}" + "文" * 84) for number in range(30)]
    await tenant.door.batch.AddDocuments(
        AddDocumentsRequest(batch_id=batch.id, documents=announced), metadata=tenant.metadata
    )
    error = await refused(tenant.seal(batch.id))
    assert (error.code, error.metadata["missing"]) == (grpc.StatusCode.FAILED_PRECONDITION, "30")


@pytest.mark.catalogue("G12", "G14")
async def test_a_final_batch_takes_nothing_and_a_cancel_leaves_it_as_it_is(world: World) -> None:
    tenant = await world.tenant()
    done, dropped = await tenant.sealed(), await tenant.create()
    await world.worker(succeed)
    completed = await tenant.until_final(done.id)
    cancelled = await tenant.cancel(dropped.id)
    for batch in (completed, cancelled):
        for call in (tenant.announce(batch.id), tenant.seal(batch.id)):
            error = await refused(call)
            assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_NOT_DRAFT)
        again = await tenant.cancel(batch.id)
        assert (again.status, again.version) == (batch.status, batch.version)


@pytest.mark.catalogue("G17")
@pytest.mark.parametrize(
    ("seconds", "nanos"), [(-1, 0), (2**63 - 1, 0), (-(2**63), -1), (0, -1), (315_576_000_001, 0), (60, 2**31 - 1)]
)
async def test_a_span_that_cannot_be_is_invalid(world: World, seconds: int, nanos: int) -> None:
    options = BatchOptions()
    options.deadline.seconds, options.deadline.nanos = seconds, nanos
    error = await refused((await world.tenant()).create(options=options))
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["options.deadline"])


@pytest.mark.catalogue("G17")
@pytest.mark.parametrize(
    ("seconds", "nanos"), [(253_402_300_800, 0), (-62_135_596_801, 0), (2**63 - 1, 0), (0, 2**31 - 1), (0, -1)]
)
async def test_a_moment_that_cannot_be_is_invalid(world: World, seconds: int, nanos: int) -> None:
    tenant = await world.tenant()
    asked = CreateApiKeyRequest(tenant_id=tenant.id, user_id="ann", name="k")
    asked.expire_time.seconds, asked.expire_time.nanos = seconds, nanos
    error = await refused(world.door.admin.CreateApiKey(asked, metadata=world.door.operator))
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["expire_time"])


@pytest.mark.catalogue("G17")
@pytest.mark.parametrize("size", [-1, -(2**63), 2**63 - 1])
async def test_a_size_that_cannot_be_is_refused_everywhere(world: World, size: int) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    key = (await tenant.begin(document)).object_key
    completed = CompleteUploadRequest(
        batch_id=batch.id, document_id=document.id, object_key=key, size_bytes=size, sha256="0" * 64
    )
    calls = [
        tenant.announce(batch.id, size_bytes=size),
        tenant.begin(document, size),
        tenant.door.intake.CompleteUpload(completed, metadata=tenant.gateway),
    ]
    for call in calls:
        error = await refused(call)
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert next(iter(error.violations)).endswith("size_bytes")


@pytest.mark.catalogue("G20")
async def test_text_that_is_not_utf_8_is_invalid(world: World) -> None:
    tenant = await world.tenant()
    for text in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"):  # no UTF-8, half a surrogate pair, an overlong NUL
        for field in (2, 4):  # name, extraction_prompt
            content = bytes([field << 3 | 2, len(text)]) + text
            error = await refused_bytes(tenant.door, CREATE, content, tenant.metadata)
            assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["message"])


@pytest.mark.catalogue("G20")
@pytest.mark.parametrize("field", ["name", "description", "extraction_prompt", "request_id", "output_schema"])
async def test_a_nul_character_is_invalid_in_every_text(world: World, field: str) -> None:
    error = await refused((await world.tenant()).create(**{field: "a\0b"}))
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.catalogue("G21")
async def test_fields_of_a_later_release_are_passed_over(world: World) -> None:
    tenant = await world.tenant()
    asked = CreateBatchRequest(extraction_prompt="the total").SerializeToString()
    unknown = b"\xfa\x7d\x03abc" + b"\xf8\x7d\x01"  # field 2015, a text, then a number
    answer = CreateBatchResponse.FromString(await sent(tenant.door, CREATE, asked + unknown, tenant.metadata))
    assert answer.batch.extraction_prompt == "the total"


@pytest.mark.catalogue("G22")
async def test_a_deadline_that_is_over_at_once_leaves_nothing_or_what_a_repeat_finds(world: World) -> None:
    tenant = await world.tenant()
    request_ids = [an_id() for _ in range(20)]
    for request_id in request_ids:
        asked = CreateBatchRequest(request_id=request_id, extraction_prompt="x")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await tenant.door.batch.CreateBatch(asked, metadata=tenant.metadata, timeout=0.001)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    made = [await tenant.create(request_id=one, extraction_prompt="x", output_schema="") for one in request_ids]
    assert await world.ask("SELECT count(*) FROM batch_processes WHERE tenant_id = $1", tenant.id) == len(made)


@pytest.mark.catalogue("G25")
async def test_metadata_that_is_too_large_or_given_twice_is_refused(world: World) -> None:
    tenant = await world.tenant()
    large = (*tenant.metadata, ("x-large", "x" * 40_000))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(tenant.door, LIST, b"", large)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    other = await world.tenant()
    twice = (*tenant.metadata, *other.metadata)
    assert (await refused_bytes(tenant.door, LIST, b"", twice)).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await refused_bytes(tenant.door, LIST, b"", twice[::-1])).code is grpc.StatusCode.UNAUTHENTICATED
    services = world.door.operator + world.door.worker
    call = "/quire.admin.v1.AdminService/ListTenants"
    assert (await refused_bytes(tenant.door, call, b"", services)).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.catalogue("G26")
@pytest.mark.parametrize(
    "method", ["/quire.batch.v1.BatchService/Nothing", "/quire.batch.v2.BatchService/GetBatch", "/", "/a/b/c"]
)
async def test_a_method_nobody_has_is_unimplemented(world: World, method: str) -> None:
    tenant = await world.tenant()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(tenant.door, method, b"", tenant.metadata)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
