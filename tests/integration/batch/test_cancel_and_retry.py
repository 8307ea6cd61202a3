"""Cancel and retry: at once what waits, politely what runs, and nothing is forgotten."""

import asyncio
import time

import grpc
import pytest

from chassis.errors import CallReason
from chassis.failures import FailureCode
from quire.batch.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_COMPLETED_WITH_ERRORS,
    BATCH_STATUS_EXPIRED,
    BATCH_STATUS_QUEUED,
)
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_CANCELLED, DOCUMENT_STATUS_SUCCEEDED
from quire.work.v1.work_service_pb2 import STOP_REASON_CANCELLED
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


async def obey(attempt: Attempt) -> None:
    await attempt.stop_asked(60)
    await attempt.fail("CANCELLED")


async def test_what_waits_is_cancelled_at_once(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)
    cancelled = await tenant.cancel(batch.id)
    assert (cancelled.status, cancelled.counters.cancelled) == (BATCH_STATUS_CANCELLED, 3)
    assert cancelled.HasField("complete_time")
    assert {document.error.code for document in await tenant.documents(batch.id)} == {"CANCELLED"}
    assert await tenant.cancel(batch.id) == cancelled


@pytest.mark.catalogue("G12")
async def test_a_draft_is_cancelled_with_all_it_holds(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    uploaded, _ = await tenant.announce(batch.id, 2)
    await tenant.upload(uploaded)
    assert (await tenant.cancel(batch.id)).counters.cancelled == 2
    assert (await tenant.cancel((await tenant.create()).id)).status == BATCH_STATUS_CANCELLED
    error = await refused(tenant.retry(batch.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_NOT_SEALED)


async def test_what_runs_is_asked_to_stop_within_two_seconds(world: World) -> None:
    tenant = await world.tenant(documents_in_flight=2)
    batch = await tenant.sealed(5)
    worker = await world.worker(obey)
    await worker.until(lambda: len(worker.attempts) == 2)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", worker.id)
    began = time.monotonic()
    cancelling = await tenant.cancel(batch.id)
    assert cancelling.status == BATCH_STATUS_CANCELLING
    assert (cancelling.counters.processing, cancelling.counters.cancelled) == (2, 3)
    assert {await attempt.stop_asked() for attempt in worker.attempts} == {STOP_REASON_CANCELLED}
    assert time.monotonic() - began < 2
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.cancelled) == (BATCH_STATUS_CANCELLED, 5)
    assert len(worker.attempts) == 2


async def test_a_success_already_paid_for_lands_before_cancelled(world: World) -> None:
    tenant, subscriber = await world.tenant(documents_in_flight=1), await world.subscriber()
    batch = await tenant.sealed(3)

    async def finish_anyway(attempt: Attempt) -> None:
        await attempt.stop_asked(60)
        await attempt.extract()

    worker = await world.worker(finish_anyway)
    await worker.until(lambda: len(worker.attempts) == 1)
    assert (await tenant.cancel(batch.id)).status == BATCH_STATUS_CANCELLING
    assert (await refused(tenant.retry(batch.id))).reason == CallReason.BATCH_NOT_SEALED
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_CANCELLED
    assert (final.counters.succeeded, final.counters.cancelled) == (1, 2)
    await subscriber.until_terminal([batch.id])
    told = [event.type for event in subscriber.of(batch.id) if "progressed" not in event.type]
    assert told == ["batch.queued.v1", "batch.processing.v1", "batch.cancelling.v1", "batch.cancelled.v1"]
    statuses = [document.status for document in await tenant.documents(batch.id)]
    assert statuses == [DOCUMENT_STATUS_SUCCEEDED, DOCUMENT_STATUS_CANCELLED, DOCUMENT_STATUS_CANCELLED]


async def test_a_cancelled_document_whose_worker_dies_ends_cancelled(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(obey)
    await worker.until(lambda: len(worker.attempts) == 1)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", worker.id)
    await worker.die()
    await tenant.cancel(batch.id)
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_CANCELLED


@pytest.mark.catalogue("G14")
async def test_a_cancel_that_races_with_the_end_leaves_one_terminal_status(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    drafts = [await tenant.draft(1) for _ in range(12)]
    await world.worker()
    for draft in drafts:
        await tenant.seal(draft.id)
        await tenant.cancel(draft.id)
    finals = [await tenant.until_final(draft.id) for draft in drafts]
    await subscriber.until_terminal([final.id for final in finals])
    for final in finals:
        assert final.counters.processed == 1
        assert final.status == (BATCH_STATUS_COMPLETED if final.counters.succeeded else BATCH_STATUS_CANCELLED)
        assert len(subscriber.terminal_ids(final.id)) == 1


CODES = {1: "FILE_CORRUPT", 2: "PDF_ENCRYPTED", 3: "FILE_CORRUPT"}


async def fail_at_first(attempt: Attempt) -> None:
    code = CODES.get(attempt.claim.position)
    if code and attempt.claim.retry_generation == 0:
        await attempt.fail(code)
    else:
        await succeed(attempt)


async def test_failed_documents_are_retried_by_id_by_code_and_all(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(4)
    await world.worker(fail_at_first)
    before = await tenant.until_final(batch.id)
    assert (before.counters.failed, before.counters.succeeded) == (3, 1)
    documents = await tenant.documents(batch.id)
    by_id = await tenant.retry(batch.id, [documents[0].id, documents[3].id])
    assert (by_id.retried_count, by_id.batch.status, by_id.batch.retry_generation) == (1, BATCH_STATUS_QUEUED, 1)
    assert not by_id.batch.HasField("complete_time")
    assert (await tenant.until_final(batch.id)).counters.failed == 2
    by_code = await tenant.retry(batch.id, error_codes=["PDF_ENCRYPTED"])
    assert by_code.retried_count == 1
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED_WITH_ERRORS
    assert (await tenant.retry(batch.id)).retried_count == 1
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.succeeded, final.retry_generation) == (BATCH_STATUS_COMPLETED, 4, 3)
    assert list(final.errors) == []
    assert await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id) == 4


async def test_a_retry_keeps_the_history_and_starts_with_fresh_budgets(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(fail_at_first)
    await tenant.until_final(batch.id)
    (document,) = await tenant.documents(batch.id)
    await tenant.retry(batch.id)
    await tenant.until_final(batch.id)
    attempts = await tenant.attempts(document)
    assert [(one.attempt, one.outcome) for one in attempts] == [(1, "failed"), (2, "succeeded")]
    claim = worker.attempts[-1].claim
    assert (claim.attempt, claim.retry_generation, list(claim.earlier_result_keys)) == (2, 1, [])
    retried = await tenant.document(document)
    assert (retried.status, retried.attempt, retried.error.code) == (DOCUMENT_STATUS_SUCCEEDED, 2, "")
    assert retried.usage.input_tokens == 20
    assert await world.ask("SELECT failures FROM documents WHERE id = $1", document.id) == 0


async def test_a_retry_of_nothing_is_refused_and_reopens_nothing(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)
    await world.worker()
    final = await tenant.until_final(batch.id)
    (document, _) = await tenant.documents(batch.id)
    for call in (
        tenant.retry(batch.id),
        tenant.retry(batch.id, [document.id]),
        tenant.retry(batch.id, [an_id()]),
        tenant.retry(batch.id, error_codes=["NO_TEXT"]),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.DOCUMENT_NOT_OPEN)
    assert await tenant.get(batch.id) == final


async def test_a_draft_is_not_retried(world: World) -> None:
    tenant = await world.tenant()
    assert (await refused(tenant.retry((await tenant.draft()).id))).reason == CallReason.BATCH_NOT_SEALED


async def test_a_batch_at_work_retries_what_failed_so_far(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)

    async def fail_or_hold(attempt: Attempt) -> None:
        if attempt.claim.position == 1:
            await fail_at_first(attempt)
        else:
            await attempt.stop_asked(60)

    worker = await world.worker(fail_or_hold)
    await world.until("SELECT failed = 1 AND processing = 1 FROM batch_processes WHERE id = $1", batch.id)
    retried = await tenant.retry(batch.id)
    assert (retried.retried_count, retried.batch.retry_generation) == (1, 0)
    await world.until("SELECT succeeded = 1 FROM batch_processes WHERE id = $1", batch.id)
    held = next(attempt for attempt in worker.attempts if attempt.claim.position == 2)
    await held.extract()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_waiting_documents_expire_at_the_deadline_and_can_be_retried(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)
    await world.database.execute("UPDATE batch_processes SET deadline_at = now() WHERE id = $1", batch.id)
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.expired) == (BATCH_STATUS_EXPIRED, 3)
    assert {document.error.code for document in await tenant.documents(batch.id)} == {"DEADLINE_EXCEEDED"}
    await world.worker()
    assert (await tenant.retry(batch.id)).retried_count == 3
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_an_idle_draft_expires_and_frees_its_place(world: World) -> None:
    tenant = await world.tenant(open_batches=1)
    batch = await tenant.draft(1)
    await world.database.execute("UPDATE batch_processes SET updated_at = now() - interval '25 hours'")
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.expired) == (BATCH_STATUS_EXPIRED, 1)
    assert (await tenant.create()).id


async def test_a_retry_that_opens_a_batch_again_needs_a_free_place(world: World) -> None:
    tenant = await world.tenant(open_batches=2)
    batch = await tenant.cancel((await tenant.sealed(2)).id)
    other = await tenant.create()
    assert (await tenant.create()).id
    error = await refused(tenant.retry(batch.id))
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureCode.QUOTA_EXHAUSTED)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("open_batches", 2, 2)
    assert await tenant.get(batch.id) == batch
    await tenant.cancel(other.id)
    assert (await tenant.retry(batch.id)).batch.status == BATCH_STATUS_QUEUED
    first, _ = await tenant.documents(batch.id)
    assert (await tenant.cancel_documents(batch.id, [first.id])).cancelled_count == 1
    assert (await tenant.retry(batch.id, [first.id])).retried_count == 1, "an open batch has its place"


async def test_retries_that_race_for_the_last_place_open_one_batch(world: World) -> None:
    tenant = await world.tenant(open_batches=2)
    batches = [await tenant.cancel((await tenant.sealed(1)).id) for _ in range(6)]
    answers = await asyncio.gather(*(tenant.retry(batch.id) for batch in batches), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refusals) == 4
    assert {refusal.code() for refusal in refusals} == {grpc.StatusCode.RESOURCE_EXHAUSTED}


async def test_every_generation_of_attempts_stays_on_the_timeline(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)

    async def fail_twice(attempt: Attempt) -> None:
        if attempt.claim.retry_generation < 2:
            await attempt.fail("PDF_ENCRYPTED" if attempt.claim.retry_generation else "FILE_CORRUPT")
        else:
            await succeed(attempt)

    await world.worker(fail_twice)
    for code in ("FILE_CORRUPT", "PDF_ENCRYPTED"):
        await tenant.until_final(batch.id)
        assert (await tenant.retry(batch.id, error_codes=[code])).retried_count == 1
    await tenant.until_final(batch.id)
    (document,) = await tenant.documents(batch.id)
    told = [(one.attempt, one.outcome, one.error.code) for one in await tenant.attempts(document)]
    assert told == [(1, "failed", "FILE_CORRUPT"), (2, "failed", "PDF_ENCRYPTED"), (3, "succeeded", "")]
