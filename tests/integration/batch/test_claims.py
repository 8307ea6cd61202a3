"""Claims, leases and lines of life: one dispatch is run once, and what a dead worker held is run by another."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_FAILED, BatchOptions
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_PROCESSING, Document
from quire.jobs.v1.jobs_pb2 import ExtractDocument
from quire.work.v1.work_service_pb2 import (
    CLAIM_VERDICT_GONE,
    CLAIM_VERDICT_RUN,
    STOP_REASON_REVOKED,
    AttachRequest,
    Claim,
    ClaimDocumentRequest,
    ClaimDocumentResponse,
    Hello,
    ProposeSchemaRequest,
)
from tests.integration.batch.tenants import SCHEMA, Door, an_id, digest, refused
from tests.integration.batch.workers import Attempt, Worker, succeed
from tests.integration.batch.world import World
from tests.waiting import until_true

OTHER_SCHEMA = '{"type": "object", "properties": {"other": {"type": "string"}}}'


async def hang(attempt: Attempt) -> None:
    """What a worker does that will be lost."""
    await attempt.stop_asked(60)


async def job_of(world: World, document: Document) -> ExtractDocument:
    """The job of a document, once it is dispatched."""
    await world.until("SELECT dispatch_id IS NOT NULL FROM documents WHERE id = $1", document.id)
    dispatch = str(await world.ask("SELECT dispatch_id FROM documents WHERE id = $1", document.id))
    return ExtractDocument(document_id=document.id, dispatch_id=dispatch)


async def claim(world: World, job: ExtractDocument, worker: str, door: Door | None = None) -> ClaimDocumentResponse:
    asked = ClaimDocumentRequest(document_id=job.document_id, dispatch_id=job.dispatch_id, worker_id=worker)
    return await (door or world.door).work.ClaimDocument(asked, metadata=world.door.worker)


async def test_a_claim_carries_all_that_a_worker_needs(world: World) -> None:
    tenant = await world.tenant(pages_per_document=7)
    batch = await tenant.sealed(1, extraction_prompt="the sum")
    (document,) = await tenant.documents(batch.id)
    answer = await claim(world, await job_of(world, document), "w1")
    assert answer.verdict == CLAIM_VERDICT_RUN
    held = answer.claim
    assert (held.tenant_id, held.batch_id, held.document_id) == (tenant.id, batch.id, document.id)
    assert (held.attempt, held.retry_generation, held.position, held.max_pages) == (1, 0, 1, 7)
    assert (held.name, held.sha256, held.size_bytes) == ("1.txt", digest(b"0\n"), 2)
    assert (held.extraction_prompt, held.output_schema) == ("the sum", SCHEMA)
    assert held.object_key.startswith(f"t/{tenant.id}/b/{batch.id}/d/{document.id}/u/")
    assert held.result_key == f"t/{tenant.id}/b/{batch.id}/d/{document.id}/a/1/result.json"
    assert 590 < held.job_deadline.seconds <= 600
    assert (await tenant.document(document)).status == DOCUMENT_STATUS_PROCESSING


async def test_one_dispatch_is_claimed_by_one_worker_who_gets_the_same_answer_again(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    (document,) = await tenant.documents(batch.id)
    job = await job_of(world, document)
    first, again = await claim(world, job, "w1"), await claim(world, job, "w1")
    for answer in (first, again):
        answer.claim.ClearField("job_deadline")
    assert first == again
    assert (await claim(world, job, "w2")).verdict == CLAIM_VERDICT_GONE
    assert (await tenant.document(document)).attempt == 1


async def test_one_dispatch_is_claimed_by_one_of_many_workers_who_ask_together(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(8)
    for document in await tenant.documents(batch.id):
        job = await job_of(world, document)
        asking = [claim(world, job, f"w{number // 2}") for number in range(12)]
        answers = await asyncio.gather(*asking)
        winners = {number // 2 for number, answer in enumerate(answers) if answer.verdict == CLAIM_VERDICT_RUN}
        assert len(winners) == 1
        assert sum(answer.verdict == CLAIM_VERDICT_RUN for answer in answers) == 2
    assert {document.attempt for document in await tenant.documents(batch.id)} == {1}


async def test_one_dispatch_is_claimed_once_through_two_replicas(world: World) -> None:
    tenant, replica = await world.tenant(), await world.replica("rpc")
    doors = [world.door, await world.door_to(replica.address)]
    batch = await tenant.sealed(8)
    for document in await tenant.documents(batch.id):
        job = await job_of(world, document)
        asking = [claim(world, job, f"w{number}", doors[number % 2]) for number in range(6)]
        verdicts = [answer.verdict for answer in await asyncio.gather(*asking)]
        assert verdicts.count(CLAIM_VERDICT_RUN) == 1


async def test_claims_that_come_together_are_all_answered(world: World) -> None:
    tenants = [await world.tenant() for _ in range(3)]
    batches = [await tenant.sealed(10) for tenant in tenants]
    jobs = [
        await job_of(world, document)
        for tenant, batch in zip(tenants, batches, strict=True)
        for document in await tenant.documents(batch.id)
    ]
    nobody = [ExtractDocument(document_id=an_id(), dispatch_id=an_id()) for _ in range(10)]
    answers = await asyncio.gather(*(claim(world, job, "w1") for job in (*jobs, *nobody)))
    assert [answer.verdict for answer in answers] == [CLAIM_VERDICT_RUN] * 30 + [CLAIM_VERDICT_GONE] * 10
    assert [answer.claim.document_id for answer in answers[:30]] == [job.document_id for job in jobs]
    assert len({answer.claim.lease_token for answer in answers[:30]}) == 30


async def test_a_withdrawn_dispatch_is_gone(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    (document,) = await tenant.documents(batch.id)
    job = await job_of(world, document)
    await tenant.cancel(batch.id)
    assert (await claim(world, job, "w1")).verdict == CLAIM_VERDICT_GONE


async def test_a_broken_line_gives_its_documents_to_another_worker_and_counts_a_loss(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)
    dying = await world.worker(hang)
    await dying.until(lambda: len(dying.attempts) == 2)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", dying.id)
    healthy = await world.worker()
    await dying.die()
    taken_over = await world.until("SELECT count(*) = 2 FROM documents WHERE attempt = 2 AND batch_id = $1", batch.id)
    assert taken_over < 5, "sooner than the lease of 8 s would have ended"
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    for document in await tenant.documents(batch.id):
        attempts = await tenant.attempts(document)
        assert [(one.outcome, one.worker) for one in attempts] == [("lost", dying.id), ("succeeded", healthy.id)]
        assert attempts[0].error.code == "WORKER_LOST"
    assert await world.ask("SELECT sum(losses) FROM documents WHERE batch_id = $1", batch.id) == 2
    earlier = {key for attempt in healthy.attempts for key in attempt.claim.earlier_result_keys}
    assert earlier == {attempt.claim.result_key for attempt in dying.attempts}


async def test_a_line_taken_up_again_in_time_loses_nothing(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(hang)
    await worker.until(lambda: len(worker.attempts) == 1)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", worker.id)
    await worker.take_up_line_again()
    await world.until("SELECT detached_at IS NULL FROM workers WHERE id = $1", worker.id)
    await asyncio.sleep(2.0)  # longer than the grace: what must not happen has had its time
    (document,) = await tenant.documents(batch.id)
    assert (document.status, document.attempt) == (DOCUMENT_STATUS_PROCESSING, 1)
    await worker.attempts[0].extract()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED


async def test_a_worker_whose_line_is_broken_claims_nothing_and_no_loss_is_counted(world: World) -> None:
    tenant, worker = await world.tenant(), await world.worker()
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", worker.id)
    await worker.break_line()
    await world.until("SELECT detached_at < now() - interval '1 second' FROM workers WHERE id = $1", worker.id)
    batch = await tenant.sealed(1)
    await until_true(lambda: worker.gone > 0)
    assert await world.ask("SELECT attempt FROM documents WHERE batch_id = $1", batch.id) == 0
    await worker.take_up_line_again()
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    assert await world.ask("SELECT attempt + losses FROM documents WHERE batch_id = $1", batch.id) == 1


async def test_a_frozen_worker_is_fenced_off_once_its_lease_ends(world: World) -> None:
    quick = await world.replica("rpc", "rescue", QUIRE_LEASE_SECONDS="1.5", QUIRE_BEAT_SECONDS="0.4")
    door = await world.door_to(quick.address)
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    frozen = await world.leaving.enter_async_context(Worker(door, hang))
    await frozen.until(lambda: len(frozen.attempts) == 1)
    frozen.freeze()
    healthy = await world.leaving.enter_async_context(Worker(door, succeed))
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    before = await tenant.get(batch.id)
    await frozen.attempts[0].progress()
    await frozen.attempts[0].fail()
    await world.until("SELECT count(*) = 2 FROM document_attempts WHERE reported AND batch_id = $1", batch.id)
    after = await tenant.get(batch.id)
    assert after.status == before.status
    assert after.counters.succeeded == 1
    assert after.counters.input_tokens == 20, "what the zombie spent is spent"
    frozen.thaw()
    assert await frozen.attempts[0].stop_asked() == STOP_REASON_REVOKED
    assert len(healthy.attempts) == 1


async def test_a_document_that_takes_every_worker_down_is_poison(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    await world.database.execute("UPDATE documents SET losses = 4 WHERE batch_id = $1", batch.id)
    dying = await world.worker(hang)
    await dying.until(lambda: len(dying.attempts) == 1)
    await world.until("SELECT count(*) = 1 FROM workers WHERE id = $1", dying.id)
    await dying.die()
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_FAILED
    assert [group.code for group in final.errors] == ["POISON_DOCUMENT"]


async def test_an_attempt_that_outlives_its_job_deadline_is_taken_back(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1, options=BatchOptions(max_failures=1))
    worker = await world.worker(hang)
    await worker.until(lambda: len(worker.attempts) == 1)
    await world.database.execute("UPDATE documents SET job_deadline_at = now() WHERE batch_id = $1", batch.id)
    final = await tenant.until_final(batch.id)
    assert [group.code for group in final.errors] == ["DOCUMENT_TIMEOUT"]
    assert await worker.attempts[0].stop_asked() == STOP_REASON_REVOKED


@pytest.mark.parametrize("slots", [0, -1, 10_001])
async def test_a_hello_without_sensible_slots_is_refused(world: World, slots: int) -> None:
    async def lines() -> AsyncIterator[AttachRequest]:
        yield AttachRequest(hello=Hello(worker_id="w1", slots=slots, engine="e" * 201))

    with pytest.raises(grpc.aio.AioRpcError, match=r"hello\.slots") as caught:
        await world.door.work.Attach(lines(), metadata=world.door.worker).read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def propose(world: World, held: Claim, schema: str) -> str:
    asked = ProposeSchemaRequest(batch_id=held.batch_id, lease_token=held.lease_token, output_schema=schema)
    return (await world.door.work.ProposeSchema(asked, metadata=world.door.worker)).output_schema


async def test_the_first_proposed_schema_is_kept_and_only_then_others_are_released(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(6, output_schema="")
    kept: list[str] = []

    async def derive(attempt: Attempt) -> None:
        if not attempt.claim.output_schema:
            kept.append(await propose(world, attempt.claim, SCHEMA))
            assert await propose(world, attempt.claim, OTHER_SCHEMA) == SCHEMA
        await succeed(attempt)

    worker = await world.worker(derive)
    final = await tenant.until_final(batch.id)
    assert kept == [SCHEMA]
    assert final.output_schema == SCHEMA
    assert [bool(attempt.claim.output_schema) for attempt in worker.attempts].count(False) == 1


async def test_a_schema_is_taken_only_from_who_holds_a_lease_of_the_batch(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1, output_schema="")
    (document,) = await tenant.documents(batch.id)
    held = (await claim(world, await job_of(world, document), "w1")).claim
    forged = Claim(batch_id=batch.id, lease_token=an_id())
    assert (await refused(propose(world, forged, SCHEMA))).code is grpc.StatusCode.NOT_FOUND
    for schema in ("", "[]", '{"properties": {"a": {"$ref": "http://example.com"}}}'):
        error = await refused(propose(world, held, schema))
        assert list(error.violations) == ["output_schema"]
    assert (await tenant.get(batch.id)).output_schema == ""
