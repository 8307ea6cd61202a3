"""Cancelling some documents of a batch: the others go on."""

import grpc
import pytest

from chassis.errors import CallReason
from quire.batch.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_COMPLETED_WITH_ERRORS,
    BATCH_STATUS_PENDING,
    BATCH_STATUS_PROCESSING,
)
from quire.batch.v1.batch_service_pb2 import RemoveDocumentRequest
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_CANCELLED, DOCUMENT_STATUS_PROCESSING
from quire.work.v1.work_service_pb2 import STOP_REASON_CANCELLED
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


async def test_waiting_documents_are_cancelled_at_once_and_the_others_run(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(4)
    first, second, *_ = await tenant.documents(batch.id)
    answer = await tenant.cancel_documents(batch.id, [first.id, second.id])
    assert (answer.cancelled_count, answer.batch.counters.cancelled, answer.batch.counters.queued) == (2, 2, 2)
    again = await tenant.cancel_documents(batch.id, [first.id])
    assert (again.cancelled_count, again.batch.version) == (0, answer.batch.version)
    await world.worker()
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.succeeded) == (BATCH_STATUS_COMPLETED_WITH_ERRORS, 2)
    untouched = await tenant.cancel_documents(batch.id, [one.id for one in await tenant.documents(batch.id)])
    assert (untouched.cancelled_count, untouched.batch) == (0, final)
    assert (await tenant.retry(batch.id, [first.id])).retried_count == 1
    assert (await tenant.until_final(batch.id)).counters.succeeded == 3


async def test_a_running_document_is_told_to_stop_and_its_neighbour_is_not(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)

    async def obey(attempt: Attempt) -> None:
        if attempt.claim.position == 1:
            assert await attempt.stop_asked(60) == STOP_REASON_CANCELLED
            await attempt.fail("CANCELLED")

    worker = await world.worker(obey)
    await worker.until(lambda: len(worker.attempts) == 2)
    first, _ = await tenant.documents(batch.id)
    answer = await tenant.cancel_documents(batch.id, [first.id])
    assert (answer.cancelled_count, answer.batch.status) == (1, BATCH_STATUS_PROCESSING)
    asked = await tenant.document(first)
    assert asked.cancel_requested or asked.status != DOCUMENT_STATUS_PROCESSING
    assert asked.changed_version >= answer.batch.version
    await world.until("SELECT cancelled = 1 AND processing = 1 FROM batch_processes WHERE id = $1", batch.id)
    neighbour = next(attempt for attempt in worker.attempts if attempt.claim.position == 2)
    assert not neighbour.stopped.done()
    await neighbour.extract()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED_WITH_ERRORS


async def test_documents_of_a_draft_are_cancelled_and_stay_so(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    pending, uploaded, kept = await tenant.announce(batch.id, 3)
    key = (await tenant.begin(pending)).object_key
    await tenant.upload(uploaded)
    await tenant.upload(kept, b"kept")
    answer = await tenant.cancel_documents(batch.id, [pending.id, uploaded.id])
    assert (answer.cancelled_count, answer.batch.status) == (2, BATCH_STATUS_PENDING)
    for call in (tenant.begin(pending), tenant.complete(pending, key)):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.DOCUMENT_NOT_OPEN)
    await world.worker()
    await tenant.seal(batch.id)
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.succeeded) == (BATCH_STATUS_COMPLETED_WITH_ERRORS, 1)
    assert await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id) == 3


@pytest.mark.parametrize("sealed", [True, False])
async def test_a_batch_all_of_whose_documents_are_cancelled_is_cancelled_once_sealed(
    world: World, sealed: bool
) -> None:
    tenant = await world.tenant(open_batches=1)
    batch = await (tenant.sealed(2) if sealed else tenant.draft(2))
    answer = await tenant.cancel_documents(batch.id, [one.id for one in await tenant.documents(batch.id)])
    last = answer.batch if sealed else await tenant.seal(batch.id)
    assert last.status == BATCH_STATUS_CANCELLED
    assert {one.status for one in await tenant.documents(batch.id)} == {DOCUMENT_STATUS_CANCELLED}
    assert (await tenant.create()).id, "its place is free"


async def test_ids_that_are_not_of_the_batch_cancel_nothing(world: World) -> None:
    tenant = await world.tenant()
    batch, other = await tenant.sealed(1), await tenant.sealed(1)
    (mine,), (foreign,) = await tenant.documents(batch.id), await tenant.documents(other.id)
    for stranger in (foreign.id, an_id()):
        error = await refused(tenant.cancel_documents(batch.id, [mine.id, stranger]))
        assert (error.code, error.metadata["kind"]) == (grpc.StatusCode.NOT_FOUND, "document")
    assert (await tenant.get(batch.id)).counters.cancelled == 0
    for ids, named in (([], "document_ids"), ([an_id()] * 1_001, "document_ids"), (["x"], "document_ids[0]")):
        error = await refused(tenant.cancel_documents(batch.id, ids))
        assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])


async def test_a_success_that_crosses_a_cancel_stays_a_success(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)

    async def finish_anyway(attempt: Attempt) -> None:
        await attempt.stop_asked(60)
        await succeed(attempt)

    worker = await world.worker(finish_anyway)
    await worker.until(lambda: len(worker.attempts) == 1)
    (document,) = await tenant.documents(batch.id)
    assert (await tenant.cancel_documents(batch.id, [document.id])).cancelled_count == 1
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_a_cancelled_document_taken_out_of_a_draft_takes_its_bytes_along(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    for document in await tenant.announce(batch.id, 2):
        await tenant.upload(document)
    first, second = await tenant.documents(batch.id)
    await tenant.cancel_documents(batch.id, [first.id])
    asked = RemoveDocumentRequest(batch_id=batch.id, document_id=first.id)
    left = (await tenant.door.batch.RemoveDocument(asked, metadata=tenant.metadata)).batch
    assert (left.counters.total, left.counters.bytes) == (1, second.size_bytes)
