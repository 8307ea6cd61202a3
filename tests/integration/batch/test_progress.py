"""Progress events: repeated, reordered, late, forged or garbage, they count once or not at all."""

import asyncio
import random

import pytest

from chassis.topology import DOCUMENT_EXTRACTED, DOCUMENT_FAILED, DOCUMENT_PROGRESSED
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_COMPLETED_WITH_ERRORS, BATCH_STATUS_FAILED
from quire.batch.v1.document_pb2 import (
    DOCUMENT_STATUS_RETRY_WAIT,
    DOCUMENT_STATUS_SUCCEEDED,
    STAGE_EXTRACT,
    STAGE_PARSE,
)
from quire.events.v1.progress_pb2 import AttemptRef, DocumentExtracted, DocumentFailed
from tests.audit import auditing
from tests.integration.batch.tenants import an_id
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


async def hold(attempt: Attempt) -> None:
    await attempt.stop_asked(60)


@pytest.mark.catalogue("Q06")
async def test_progress_is_shown_and_only_grows(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(hold)
    await worker.until(lambda: len(worker.attempts) == 1)
    (attempt,) = worker.attempts
    await attempt.progress(STAGE_EXTRACT, 3, 5)
    await world.until("SELECT pages_done = 3 FROM documents WHERE batch_id = $1", batch.id)
    await attempt.progress(STAGE_PARSE, 1, 2)
    await attempt.progress(STAGE_EXTRACT, 4, 5)
    await world.until("SELECT pages_done = 4 FROM documents WHERE batch_id = $1", batch.id)
    (document,) = await tenant.documents(batch.id)
    assert (document.stage, document.pages_done, document.pages_total) == (STAGE_EXTRACT, 4, 5)
    assert (await tenant.get(batch.id)).counters.pages == 5
    assert (await tenant.get(batch.id)).HasField("last_progress_time")


@pytest.mark.catalogue("Q05")
async def test_every_event_told_many_times_in_any_order_counts_once(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(20)
    dice = random.Random(17)

    async def stammer(attempt: Attempt) -> None:
        last = attempt.fail if attempt.claim.position % 4 == 0 else attempt.extract
        telling = [last, last, last, attempt.progress, attempt.progress]
        dice.shuffle(telling)
        for tell in telling:
            await tell()

    await world.worker(stammer)
    async with auditing(world.servers["QUIRE_DATABASE_OWNER_URL"]) as asked:
        final = await tenant.until_final(batch.id)
    assert asked[0] > 0
    assert final.status == BATCH_STATUS_COMPLETED_WITH_ERRORS
    assert (final.counters.succeeded, final.counters.failed) == (15, 5)
    assert (final.counters.input_tokens, final.counters.cost_micros) == (20 * 10, 20 * 7)
    last = await world.worker(succeed)
    await last.tell_raw(DOCUMENT_PROGRESSED, b"\xff")
    await world.dead_letters(1)
    assert (await tenant.get(batch.id)).counters == final.counters


async def test_a_late_success_of_a_lost_attempt_finishes_and_a_late_failure_does_not(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)
    ghost = await world.worker(hold)
    await ghost.until(lambda: len(ghost.attempts) == 2)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", ghost.id)
    await ghost.die()
    second = await world.worker(hold)
    await second.until(lambda: len(second.attempts) == 2)
    paid, wasted = sorted(ghost.attempts, key=lambda attempt: attempt.claim.position)
    await wasted.fail()
    await paid.extract()
    await world.until("SELECT status = 'SUCCEEDED' FROM documents WHERE batch_id = $1 AND position = 1", batch.id)
    documents = await tenant.documents(batch.id)
    assert [one.attempt for one in documents] == [2, 2]
    for attempt in second.attempts:
        await attempt.extract()
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_COMPLETED
    everything = "SELECT bool_and(reported) FROM document_attempts WHERE batch_id = $1"
    await world.until(everything, batch.id)
    outcomes = [[one.outcome for one in await tenant.attempts(document)] for document in documents]
    assert outcomes == [["succeeded", "succeeded"], ["lost", "succeeded"]]
    assert await world.ask("SELECT result_key FROM documents WHERE batch_id = $1 AND position = 1", batch.id) == (
        paid.claim.result_key
    )
    assert (await tenant.get(batch.id)).counters.input_tokens == 40, "each attempt was paid for"


@pytest.mark.catalogue("Q03", "Q05")
async def test_forged_events_move_nothing(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(hold)
    await worker.until(lambda: len(worker.attempts) == 1)
    (attempt,) = worker.attempts
    known = attempt.ref

    def forged(**changes: object) -> AttemptRef:
        ref = AttemptRef()
        ref.CopyFrom(known)
        for name, value in changes.items():
            setattr(ref, name, value)
        return ref

    refs = [forged(lease_token=an_id()), forged(document_id=an_id()), forged(attempt=9)]
    for ref in refs[:2]:
        await worker.tell(DOCUMENT_FAILED, DocumentFailed(ref=ref, code="FILE_CORRUPT"))
    for ref in refs[1:]:
        await worker.tell(DOCUMENT_EXTRACTED, DocumentExtracted(ref=ref, result_key=attempt.claim.result_key))
    await attempt.progress(STAGE_PARSE, 1, 2)
    await world.until("SELECT pages_done = 1 FROM documents WHERE batch_id = $1", batch.id)
    assert (await tenant.get(batch.id)).counters.processing == 1
    await attempt.extract()
    final = await tenant.until_final(batch.id)
    assert (final.counters.succeeded, final.counters.input_tokens) == (1, 10)
    assert await world.ask("SELECT result_key FROM documents WHERE batch_id = $1", batch.id) == attempt.claim.result_key


@pytest.mark.catalogue("Q01", "Q05")
async def test_garbage_is_dead_lettered_and_what_stands_beside_it_is_folded(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)
    garbage: list[tuple[str, bytes]] = [
        (DOCUMENT_EXTRACTED, b"not protobuf at all"),
        (DOCUMENT_PROGRESSED, b""),
        ("document.unheard_of.v1", b"{}"),
        (DOCUMENT_PROGRESSED, b"\x00" * 200_000),
    ]

    async def garble(attempt: Attempt) -> None:
        if attempt.claim.position == 1:
            zero = AttemptRef(document_id=attempt.claim.document_id, attempt=0, lease_token=attempt.claim.lease_token)
            await worker.tell(DOCUMENT_EXTRACTED, DocumentExtracted(ref=zero, result_key="k"))
            await worker.tell(DOCUMENT_FAILED, DocumentFailed(ref=attempt.ref, code="NO_SUCH_CODE"))
            for kind, body in garbage:
                await worker.tell_raw(kind, body)
        await succeed(attempt)

    worker = await world.worker(garble)
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    letters = await world.dead_letters(len(garbage) + 2)
    assert {letter["queue"] for letter in letters} == {"quire.progress.fold"}
    assert {letter["reason"] for letter in letters} == {"rejected"}


@pytest.mark.catalogue("Q01")
async def test_an_event_the_database_refuses_is_dead_lettered_alone(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)

    async def poison(attempt: Attempt) -> None:
        if attempt.claim.position == 2:
            await attempt.fail("FILE_CORRUPT", message="a NUL \0 no text may hold")
        await succeed(attempt)

    await world.worker(poison)
    final = await tenant.until_final(batch.id)
    assert final.counters.succeeded == 3
    (letter,) = await world.dead_letters(1)
    assert letter["routing_key"] == DOCUMENT_FAILED
    assert world.service.running


async def test_failures_are_tried_again_until_the_budget_is_spent(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)

    async def fail(attempt: Attempt) -> None:
        await attempt.fail("OUTPUT_SCHEMA_INVALID")

    worker = await world.worker(fail)
    for number in (1, 2):
        waiting = "SELECT failures = $2 AND status = 'RETRY_WAIT' FROM documents WHERE batch_id = $1"
        await world.until(waiting, batch.id, number)
        (document,) = await tenant.documents(batch.id)
        assert document.status == DOCUMENT_STATUS_RETRY_WAIT
        assert document.HasField("next_attempt_time")
        assert (await tenant.get(batch.id)).counters.failed == 0
        await world.database.execute("UPDATE documents SET next_attempt_at = now()")
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_FAILED
    assert len(worker.attempts) == 3
    assert (final.counters.input_tokens, final.errors[0].code) == (30, "OUTPUT_SCHEMA_INVALID")


async def test_a_release_spends_nothing_and_comes_back_when_due(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)

    async def wait_for_the_provider(attempt: Attempt) -> None:
        if attempt.claim.attempt <= 4:
            await attempt.release("PROVIDER_RATE_LIMITED", 0.1)
        else:
            await succeed(attempt)

    await world.worker(wait_for_the_provider)
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_COMPLETED
    (document,) = await tenant.documents(batch.id)
    assert document.attempt == 5
    assert await world.ask("SELECT failures + losses FROM documents WHERE batch_id = $1", batch.id) == 0
    assert document.status == DOCUMENT_STATUS_SUCCEEDED


async def test_counters_are_exact_at_every_instant_of_a_run_over_three_tenants(world: World) -> None:
    tenants = [await world.tenant(documents_in_flight=limit) for limit in (5, 25, 250)]
    drafts = await asyncio.gather(*(tenant.draft(count) for tenant, count in zip(tenants, (100, 60, 40), strict=True)))
    dice = random.Random(5)

    async def live(attempt: Attempt) -> None:
        await attempt.progress(STAGE_PARSE, 1, 2)
        luck = dice.random()
        if luck < 0.1:
            await attempt.fail("FILE_CORRUPT")
        elif luck < 0.2 and attempt.claim.attempt < 3:
            await attempt.release(seconds=0.05)
        else:
            await attempt.extract()

    async with auditing(world.servers["QUIRE_DATABASE_OWNER_URL"]) as asked:
        for _ in range(2):
            await world.worker(live)
        for tenant, draft in zip(tenants, drafts, strict=True):
            await tenant.seal(draft.id)
        finals = await asyncio.gather(
            *(tenant.until_final(draft.id, 60) for tenant, draft in zip(tenants, drafts, strict=True))
        )
    assert asked[0] > 10
    assert [final.counters.processed for final in finals] == [100, 60, 40]
    assert await world.ask("SELECT count(*) FROM documents WHERE dispatch_id IS NOT NULL") == 0
    assert sum(final.counters.failed for final in finals) > 0


async def test_three_documents_do_not_wait_for_a_pile_of_another_tenant(world: World) -> None:
    heavy, light = await world.tenant(documents_in_flight=12), await world.tenant()
    pile, few = await heavy.draft(60), await light.draft(3)
    worker = await world.worker(succeed, slots=4)
    await heavy.seal(pile.id)
    await light.seal(few.id)
    assert (await light.until_final(few.id)).status == BATCH_STATUS_COMPLETED
    assert (await heavy.get(pile.id)).counters.succeeded < 60
    assert (await heavy.until_final(pile.id)).status == BATCH_STATUS_COMPLETED
    assert len(worker.attempts) == 63
