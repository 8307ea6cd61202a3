"""Every call on its happy way, repeated, and given up half way."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc
import pytest

from chassis.errors import CallReason
from quire.batch.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_COMPLETED_WITH_ERRORS,
    BATCH_STATUS_PENDING,
    BATCH_STATUS_PROCESSING,
    BATCH_STATUS_QUEUED,
    TIER_ENTERPRISE,
    Batch,
    BatchOptions,
)
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    DocumentAnnouncement,
    GetLimitsRequest,
    ListBatchesRequest,
    ListDocumentsRequest,
    RemoveDocumentRequest,
)
from quire.batch.v1.document_pb2 import (
    DOCUMENT_STATUS_FAILED,
    DOCUMENT_STATUS_PENDING_UPLOAD,
    DOCUMENT_STATUS_SUCCEEDED,
    DOCUMENT_STATUS_UPLOADED,
    STAGE_EXTRACT,
)
from tests.integration.batch.tenants import SCHEMA, an_id, digest, refused
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World

HOUR = BatchOptions(max_failures=5)
HOUR.deadline.FromSeconds(3600)


async def fail_the_second(attempt: Attempt) -> None:
    if attempt.claim.position == 2:
        await attempt.fail("PDF_ENCRYPTED")
    else:
        await succeed(attempt)


async def test_a_batch_goes_its_whole_way(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create(name="pile", description="of bills", options=HOUR)
    assert batch.status == BATCH_STATUS_PENDING
    assert (batch.name, batch.description, batch.output_schema, batch.user_id) == ("pile", "of bills", SCHEMA, "ann")
    assert (batch.tier, batch.options.max_failures, batch.options.deadline.seconds) == (TIER_ENTERPRISE, 5, 3600)
    announced = await tenant.announce(batch.id, 3)
    assert [(one.position, one.status) for one in announced] == [
        (number, DOCUMENT_STATUS_PENDING_UPLOAD) for number in (1, 2, 3)
    ]
    uploaded = [await tenant.upload(document, b"%d" % document.position) for document in announced]
    assert {one.status for one in uploaded} == {DOCUMENT_STATUS_UPLOADED}
    assert uploaded[0].sha256 == digest(b"1")
    sealed = await tenant.seal(batch.id)
    assert (sealed.status, sealed.counters.queued, sealed.counters.bytes) == (BATCH_STATUS_QUEUED, 3, 3)
    assert sealed.deadline_time.seconds - sealed.seal_time.seconds == 3600
    await world.worker(fail_the_second)
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_COMPLETED_WITH_ERRORS
    assert (final.counters.succeeded, final.counters.failed, final.counters.processed) == (2, 1, 3)
    assert (final.counters.input_tokens, final.counters.output_tokens, final.counters.cost_micros) == (30, 9, 21)
    assert [(group.code, group.count, group.actor) for group in final.errors] == [("PDF_ENCRYPTED", 1, "user")]
    assert final.HasField("complete_time")
    assert final.HasField("purge_time")


async def test_a_document_tells_what_became_of_it(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)
    await world.worker(fail_the_second)
    await tenant.until_final(batch.id)
    first, second = await tenant.documents(batch.id)
    assert (first.status, first.attempt, first.pages_total, first.pages_done) == (DOCUMENT_STATUS_SUCCEEDED, 1, 2, 2)
    assert (second.status, second.error.code, second.error.category) == (
        DOCUMENT_STATUS_FAILED,
        "PDF_ENCRYPTED",
        "DOCUMENT",
    )
    assert (second.error.phase, second.error.attempt, second.error.retryable) == (STAGE_EXTRACT, 1, False)
    assert second.error.remedy
    assert await tenant.document(second) == second
    (attempt,) = await tenant.attempts(second)
    assert (attempt.attempt, attempt.outcome, attempt.error.code, attempt.usage.input_tokens) == (
        1,
        "failed",
        "PDF_ENCRYPTED",
        10,
    )
    assert attempt.worker.startswith("worker-")
    assert attempt.HasField("end_time")


@pytest.mark.catalogue("H13")
async def test_the_same_bytes_twice_are_noted_as_a_duplicate(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    first, second = [await tenant.upload(one, b"same") for one in await tenant.announce(batch.id, 2)]
    assert (first.duplicate_of, second.duplicate_of) == ("", first.id)


async def test_batches_are_listed_page_by_page_in_either_order(world: World) -> None:
    tenant = await world.tenant()
    made = [(await tenant.create(name=f"Pile {number}")).id for number in range(5)]
    await tenant.cancel(made[1])
    batch_service, metadata = tenant.door.batch, tenant.metadata

    async def listed(**fields: Any) -> list[str]:
        request, found = ListBatchesRequest(page_size=2, **fields), list[str]()
        while True:
            page = await batch_service.ListBatches(request, metadata=metadata)
            found += [batch.id for batch in page.batches]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return found

    assert await listed() == made[::-1]
    assert await listed(order_by="create_time asc") == made
    assert await listed(statuses=[BATCH_STATUS_CANCELLED]) == [made[1]]
    assert await listed(name_contains="pILE 3") == [made[3]]
    assert await listed(name_contains="%") == []


async def test_documents_are_listed_page_by_page_and_by_what_became_of_them(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(5)
    await world.worker(fail_the_second)
    await tenant.until_final(batch.id)
    request, seen = ListDocumentsRequest(batch_id=batch.id, page_size=2), list[int]()
    while True:
        page = await tenant.door.batch.ListDocuments(request, metadata=tenant.metadata)
        seen += [document.position for document in page.documents]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert seen == [1, 2, 3, 4, 5]
    assert [one.position for one in await tenant.documents(batch.id, statuses=[DOCUMENT_STATUS_FAILED])] == [2]
    assert [one.position for one in await tenant.documents(batch.id, error_codes=["PDF_ENCRYPTED"])] == [2]
    assert await tenant.documents(batch.id, error_codes=["NO_TEXT"]) == []


async def test_limits_tell_what_is_enforced_and_used(world: World) -> None:
    tenant = await world.tenant(open_batches=7)
    await tenant.create()
    await tenant.sealed(2)
    answer = await tenant.door.batch.GetLimits(GetLimitsRequest(), metadata=tenant.metadata)
    assert (answer.limits.tier, answer.limits.open_batches, answer.limits.documents_per_month) == (
        TIER_ENTERPRISE,
        7,
        -1,
    )
    assert (answer.usage.open_batches, answer.usage.documents_this_month) == (2, 2)
    assert answer.usage.HasField("month_reset_time")


@pytest.mark.catalogue("G06")
async def test_a_repeated_create_answers_the_first_batch(world: World) -> None:
    tenant, request_id = await world.tenant(), an_id()
    first = await tenant.create(request_id=request_id, name="once")
    await tenant.cancel(first.id)
    assert await tenant.create(request_id=request_id, name="once") == first
    error = await refused(tenant.create(request_id=request_id, name="other"))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.REQUEST_ID_REUSED)
    assert list(error.violations) == ["request_id"]


async def test_a_request_id_belongs_to_one_tenant(world: World) -> None:
    ann, bob, request_id = await world.tenant(), await world.tenant(), an_id()
    assert (await ann.create(request_id=request_id)).id != (await bob.create(request_id=request_id)).id


@pytest.mark.catalogue("G06", "H14")
async def test_concurrent_creates_with_one_request_id_make_one_batch(world: World) -> None:
    tenant, request_id = await world.tenant(), an_id()
    made = await asyncio.gather(*(tenant.create(request_id=request_id) for _ in range(20)))
    assert len({batch.id for batch in made}) == 1
    assert await world.ask("SELECT count(*) FROM batch_processes WHERE tenant_id = $1", tenant.id) == 1


async def test_a_refused_call_leaves_its_request_id_free(world: World) -> None:
    tenant, request_id = await world.tenant(open_batches=0), an_id()
    await refused(tenant.create(request_id=request_id))
    await world.database.execute("UPDATE tenants SET limit_overrides = '{}' WHERE id = $1", tenant.id)
    assert (await tenant.create(request_id=request_id)).id


async def test_repeated_adds_seals_and_retries_happen_once(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    asked = AddDocumentsRequest(
        request_id=an_id(),
        batch_id=batch.id,
        documents=[DocumentAnnouncement(name="a"), DocumentAnnouncement(name="b")],
    )
    added = [await tenant.door.batch.AddDocuments(asked, metadata=tenant.metadata) for _ in range(2)]
    assert added[0] == added[1]
    assert (await tenant.get(batch.id)).counters.total == 2
    for document in added[0].documents:
        await tenant.upload(document, document.id.encode())
    seal_id = an_id()
    sealed = await tenant.seal(batch.id, request_id=seal_id)
    assert await tenant.seal(batch.id, request_id=seal_id) == sealed
    assert (await refused(tenant.seal(batch.id))).reason == CallReason.BATCH_NOT_DRAFT
    assert await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id) == 2
    await tenant.cancel(batch.id)
    retry_id = an_id()
    retried = await tenant.retry(batch.id, request_id=retry_id)
    assert retried.retried_count == 2
    assert await tenant.retry(batch.id, request_id=retry_id) == retried
    assert (await tenant.get(batch.id)).retry_generation == 1


async def give_up_after(seconds: float, call: Coroutine[Any, Any, object]) -> None:
    calling = asyncio.create_task(call)
    await asyncio.wait([calling], timeout=seconds)
    calling.cancel()
    await asyncio.wait([calling])
    _ = calling.cancelled() or calling.exception()


@pytest.mark.catalogue("G23")
async def test_calls_that_their_callers_give_up_leave_no_connection_behind(world: World) -> None:
    tenant, replica = await world.tenant(), await world.replica("rpc", QUIRE_DATABASE_POOL="2")
    caller = tenant.through(await world.door_to(replica.address))
    batch = await caller.create()
    for _ in range(4):
        await asyncio.gather(*(give_up_after(0.002 * number, caller.get(batch.id)) for number in range(25)))
        await asyncio.gather(*(give_up_after(0.004 * number, caller.create()) for number in range(10)))
    for _ in range(5):
        async with asyncio.timeout(5):
            assert (await caller.get(batch.id)).id == batch.id
    await world.until("SELECT count(*) = 0 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")


async def test_a_call_given_up_and_repeated_happens_once(world: World) -> None:
    tenant, request_id = await world.tenant(), an_id()
    for milliseconds in range(0, 20, 2):
        await give_up_after(milliseconds / 1000, tenant.create(request_id=request_id))
    batch = await tenant.create(request_id=request_id)
    assert await world.ask("SELECT count(*) FROM batch_processes WHERE tenant_id = $1", tenant.id) == 1
    assert (await tenant.get(batch.id)).id == batch.id


async def test_a_document_is_removed_from_a_draft_and_from_nowhere_else(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    documents = await tenant.announce(batch.id, 3)
    await tenant.upload(documents[0])

    async def remove(number: int) -> Batch:
        asked = RemoveDocumentRequest(batch_id=batch.id, document_id=documents[number].id)
        return (await tenant.door.batch.RemoveDocument(asked, metadata=tenant.metadata)).batch

    changed = await remove(0)
    assert (changed.counters.total, changed.counters.uploaded, changed.counters.bytes) == (2, 0, 0)
    assert (await refused(remove(0))).code is grpc.StatusCode.NOT_FOUND
    assert [one.position for one in await tenant.documents(batch.id)] == [2, 3]
    await tenant.upload(documents[1])
    await tenant.seal(batch.id, drop_incomplete=True)
    assert (await refused(remove(1))).reason == CallReason.BATCH_NOT_DRAFT


async def test_a_batch_moves_to_processing_with_its_first_claim(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    running: list[Batch] = []

    async def look(attempt: Attempt) -> None:
        running.append(await tenant.get(batch.id))
        await succeed(attempt)

    await world.worker(look)
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    assert [(one.status, one.counters.processing) for one in running] == [(BATCH_STATUS_PROCESSING, 1)]


async def test_a_walk_over_pages_meets_each_batch_once_while_others_are_made(world: World) -> None:
    tenant = await world.tenant()
    before = {(await tenant.create()).id for _ in range(12)}
    seen, request = list[str](), ListBatchesRequest(page_size=3, order_by="create_time asc")
    while len(seen) < 40:
        page = await tenant.door.batch.ListBatches(request, metadata=tenant.metadata)
        seen += [batch.id for batch in page.batches]
        if not page.next_page_token:
            break
        if len(seen) < 12:
            await tenant.create()
        request.page_token = page.next_page_token
    assert before <= set(seen)
    assert len(seen) == len(set(seen))
