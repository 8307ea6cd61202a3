"""Input that cannot be taken: refused with the right code, naming the field, and harming nothing."""

from collections.abc import Awaitable
from typing import Any

import grpc
import pytest

from chassis.errors import CallReason
from chassis.failures import FailureCode
from quire.batch.v1.batch_pb2 import (
    BatchOptions,
)
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    DocumentAnnouncement,
    GetDocumentRequest,
    ListBatchesRequest,
    ListDocumentAttemptsRequest,
    ListDocumentsRequest,
    RetryDocumentsRequest,
    WatchBatchRequest,
)
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.world import World

BAD_BATCH_IDS = ["", "x", "../../etc", "'; DROP TABLE batch_processes; --", "0" * 10_000, "\0"]


@pytest.mark.catalogue("G04")
@pytest.mark.parametrize("batch_id", BAD_BATCH_IDS)
async def test_an_id_that_is_none_is_invalid_in_every_call(world: World, batch_id: str) -> None:
    tenant = await world.tenant()
    calls = [
        tenant.get(batch_id),
        tenant.announce(batch_id),
        tenant.seal(batch_id),
        tenant.cancel(batch_id),
        tenant.retry(batch_id),
        tenant.documents(batch_id),
        tenant.results(batch_id),
        anext(tenant.watch(batch_id)),
    ]
    for call in calls:
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.FIELD_INVALID)
        assert list(error.violations) == ["batch_id"]


@pytest.mark.catalogue("G02", "G05", "H01")
async def test_an_unknown_batch_and_a_foreign_one_are_told_apart_by_nobody(world: World) -> None:
    ann, bob = await world.tenant(), await world.tenant()
    theirs = await bob.sealed()
    (document,) = await bob.documents(theirs.id)
    answers = list[str]()
    for batch_id in (an_id(), theirs.id):
        document.batch_id = batch_id
        calls = [
            ann.get(batch_id),
            ann.announce(batch_id),
            ann.seal(batch_id),
            ann.cancel(batch_id),
            ann.retry(batch_id),
            ann.documents(batch_id),
            ann.document(document),
            ann.attempts(document),
            ann.results(batch_id),
            anext(ann.watch(batch_id)),
            ann.begin(document),
            ann.complete(document, "key"),
        ]
        errors = [await refused(call) for call in calls]
        assert {error.code for error in errors} == {grpc.StatusCode.NOT_FOUND}
        answers.append(" ".join(error.message.replace(batch_id, "ID") for error in errors))
    assert answers[0] == answers[1]
    assert (await bob.get(theirs.id)).version == theirs.version


@pytest.mark.catalogue("G03", "G17", "G27")
async def test_faulty_fields_of_a_create_are_all_named(world: World) -> None:
    tenant = await world.tenant()
    options = BatchOptions(max_failures=11, sample_first=-1, cost_cap_micros=-1)
    options.deadline.FromSeconds(59)
    error = await refused(
        tenant.create(
            name="n" * 201,
            description="d" * 2_001,
            extraction_prompt=" ",
            output_schema='{"properties": {"a": {"$ref": "http://169.254.169.254/"}}}',
            options=options,
        )
    )
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(error.violations) == {
        "name",
        "description",
        "extraction_prompt",
        "output_schema",
        "options.deadline",
        "options.max_failures",
        "options.sample_first",
        "options.cost_cap_micros",
    }


@pytest.mark.catalogue("G03", "G07", "G20", "G27")
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"extraction_prompt": ""}, "extraction_prompt"),
        ({"extraction_prompt": "p" * 20_001}, "extraction_prompt"),
        ({"name": "a\0b"}, "name"),
        ({"request_id": "mine"}, "request_id"),
        ({"output_schema": '{"properties": {"a": ' + '{"items":' * 700 + "{}" + "}" * 702}, "output_schema"),
        ({"output_schema": "x" * 70_000}, "output_schema"),
    ],
)
async def test_a_create_names_the_field_that_cannot_be_taken(world: World, fields: dict[str, Any], named: str) -> None:
    error = await refused((await world.tenant()).create(**fields))
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        ({"source_batch_id": an_id()}, "CreateBatchRequest.source_batch_id"),
        ({"options": BatchOptions(sample_first=3)}, "BatchOptions.sample_first"),
        ({"options": BatchOptions(cost_cap_micros=3)}, "BatchOptions.cost_cap_micros"),
    ],
)
async def test_an_option_of_a_later_release_is_not_ignored(world: World, fields: dict[str, Any], method: str) -> None:
    error = await refused((await world.tenant()).create(**fields))
    assert (error.code, error.metadata["method"]) == (grpc.StatusCode.UNIMPLEMENTED, method)


@pytest.mark.catalogue("G19")
@pytest.mark.parametrize("count", [0, 1_001, 50_000])
async def test_announcements_are_1_to_1000(world: World, count: int) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    error = await refused(tenant.announce(batch.id, count))
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["documents"])


async def test_announcements_are_all_or_none(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    announced = [
        DocumentAnnouncement(name="good.txt"),
        DocumentAnnouncement(name=""),
        DocumentAnnouncement(name="a", size_bytes=-1, sha256="x", media_type="m" * 256),
    ]
    asked = AddDocumentsRequest(batch_id=batch.id, documents=announced)
    error = await refused(tenant.door.batch.AddDocuments(asked, metadata=tenant.metadata))
    assert set(error.violations) == {
        "documents[1].name",
        "documents[2].size_bytes",
        "documents[2].sha256",
        "documents[2].media_type",
    }
    assert (await tenant.get(batch.id)).counters.total == 0


@pytest.mark.catalogue("G12")
async def test_a_sealed_batch_takes_nothing_more(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed()
    (document,) = await tenant.documents(batch.id)
    for call in (tenant.announce(batch.id), tenant.seal(batch.id), tenant.begin(document)):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_NOT_DRAFT)


@pytest.mark.catalogue("G10")
@pytest.mark.parametrize("page_token", ["garbage", "====", "\0", "A" * 100_000])
async def test_a_bad_page_token_is_invalid_in_every_list(world: World, page_token: str) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    lists = tenant.door.batch
    calls = [
        lists.ListBatches(ListBatchesRequest(page_token=page_token), metadata=tenant.metadata),
        lists.ListDocuments(ListDocumentsRequest(batch_id=batch.id, page_token=page_token), metadata=tenant.metadata),
        lists.ListDocumentAttempts(
            ListDocumentAttemptsRequest(batch_id=batch.id, document_id=document.id, page_token=page_token),
            metadata=tenant.metadata,
        ),
    ]
    for call in calls:
        error = await refused(call)
        assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


@pytest.mark.catalogue("G10")
async def test_a_page_token_of_another_tenant_or_filter_is_invalid(world: World) -> None:
    ann, bob = await world.tenant(), await world.tenant()
    for tenant in (ann, bob):
        for _ in range(2):
            await tenant.create()
    asked = ListBatchesRequest(page_size=1)
    token = (await ann.door.batch.ListBatches(asked, metadata=ann.metadata)).next_page_token
    stolen = ListBatchesRequest(page_size=1, page_token=token)
    assert list((await refused(bob.door.batch.ListBatches(stolen, metadata=bob.metadata))).violations) == ["page_token"]
    other = ListBatchesRequest(page_size=1, page_token=token, name_contains="x")
    assert list((await refused(ann.door.batch.ListBatches(other, metadata=ann.metadata))).violations) == ["page_token"]


@pytest.mark.catalogue("G09", "G11", "G21")
async def test_odd_pages_filters_and_orders_are_refused_or_cut(world: World) -> None:
    tenant = await world.tenant()
    batch, lists = await tenant.create(), tenant.door.batch
    bad = {
        "page_size": ListBatchesRequest(page_size=-1),
        "order_by": ListBatchesRequest(order_by="name; DROP TABLE tenants"),
        "statuses": ListBatchesRequest(statuses=[99]),  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        "name_contains": ListBatchesRequest(name_contains="n" * 100_000),
    }
    for named, asked in bad.items():
        error = await refused(lists.ListBatches(asked, metadata=tenant.metadata))
        assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])
    documents = ListDocumentsRequest(batch_id=batch.id, error_codes=["NO_SUCH"])
    assert list((await refused(lists.ListDocuments(documents, metadata=tenant.metadata))).violations) == ["error_codes"]
    everything = ListBatchesRequest(page_size=2**31 - 1)
    assert len((await lists.ListBatches(everything, metadata=tenant.metadata)).batches) == 1
    watched = WatchBatchRequest(batch_id=batch.id, after_version=-1)
    with pytest.raises(grpc.aio.AioRpcError, match="after_version"):
        await lists.WatchBatch(watched, metadata=tenant.metadata).read()
    codes = RetryDocumentsRequest(batch_id=batch.id, error_codes=["NO_SUCH"], document_ids=["x"])
    error = await refused(lists.RetryDocuments(codes, metadata=tenant.metadata))
    assert set(error.violations) == {"error_codes", "document_ids[0]"}


@pytest.mark.catalogue("G18")
async def test_a_message_larger_than_4_mib_is_refused_and_the_server_lives(world: World) -> None:
    tenant = await world.tenant()
    error = await refused(tenant.create(extraction_prompt="p" * (4 * 2**20 + 1)))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await tenant.create()).id


async def test_a_thousand_faults_leave_room_for_their_reason(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    faulty = AddDocumentsRequest(batch_id=batch.id, documents=[DocumentAnnouncement()] * 1_000)
    error = await refused(tenant.door.batch.AddDocuments(faulty, metadata=tenant.metadata))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.FIELD_INVALID)
    assert "documents[0].name" in error.violations
    names = [DocumentAnnouncement(name=f"{number:03}{'é' * 126}") for number in range(50)]
    await tenant.door.batch.AddDocuments(
        AddDocumentsRequest(batch_id=batch.id, documents=names), metadata=tenant.metadata
    )
    error = await refused(tenant.seal(batch.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, FailureCode.UPLOAD_INCOMPLETE)
    assert error.metadata["missing"] == "50"
    assert error.metadata["names"].startswith(names[0].name)


async def test_bytes_that_are_no_message_are_refused_and_the_server_lives(world: World) -> None:
    tenant = await world.tenant()
    channel: Any = tenant.door.channel  # without stubs it tells no types
    service, damaged = "/quire.batch.v1.BatchService", b"\x0a\xff"
    calls: list[Awaitable[object]] = [
        channel.unary_unary(f"{service}/GetBatch")(damaged, metadata=tenant.metadata),
        channel.unary_stream(f"{service}/WatchBatch")(damaged, metadata=tenant.metadata).read(),
        channel.stream_stream("/quire.work.v1.WorkService/Attach")(iter([damaged]), metadata=tenant.door.worker).read(),
    ]
    for call in calls:
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.FIELD_INVALID)
    assert (await tenant.create()).id


@pytest.mark.catalogue("G05")
async def test_a_document_is_found_under_its_own_batch_only(world: World) -> None:
    tenant = await world.tenant()
    one, other = await tenant.create(), await tenant.create()
    (document,) = await tenant.announce(one.id)
    asked = GetDocumentRequest(batch_id=other.id, document_id=document.id)
    error = await refused(tenant.door.batch.GetDocument(asked, metadata=tenant.metadata))
    assert error.code is grpc.StatusCode.NOT_FOUND
    bare = await refused(
        tenant.door.batch.GetDocument(GetDocumentRequest(batch_id="x", document_id="y"), metadata=tenant.metadata)
    )
    assert set(bare.violations) == {"batch_id", "document_id"}
