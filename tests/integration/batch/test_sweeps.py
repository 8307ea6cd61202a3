"""The sweeps: what time alone brings about, and what should never be needed but is looked for."""

from collections.abc import AsyncIterator

import pytest

from batch.loops.collect_orphans import CollectOrphans
from batch.loops.collect_results import CollectResults
from batch.loops.settle_late import SettleLate
from batch.loops.watch_outbox import WatchOutbox
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, BATCH_STATUS_EXPIRED
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_EXPIRED, DOCUMENT_STATUS_SUCCEEDED
from tests.integration.batch.sweeps import Ground, sweeping
from tests.integration.batch.tenants import an_id
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World

OLDER = "UPDATE documents SET created_at = created_at - d, uploaded_at = uploaded_at - d, started_at = started_at - d, \
finished_at = finished_at - d FROM (SELECT interval '25 hours' AS d) x"


@pytest.fixture
async def ground(world: World) -> AsyncIterator[Ground]:
    async with sweeping(world) as opened:
        yield opened


async def test_results_of_attempts_that_lost_are_removed_a_day_after_the_end(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(3)
    keys: dict[int, list[str]] = {1: [], 2: [], 3: []}

    async def try_twice(attempt: Attempt) -> None:
        claim = attempt.claim
        await ground.put(claim.result_key)
        keys[claim.position].append(claim.result_key)
        if claim.position == 3:
            await attempt.stop_asked(60)
        elif claim.attempt == 1:
            await attempt.release()
        elif claim.position == 1:
            await attempt.extract(result_key=claim.earlier_result_keys[0])
        else:
            await attempt.fail()

    await world.worker(try_twice)
    await world.until("SELECT succeeded = 1 AND failed = 1 FROM batch_processes WHERE id = $1", batch.id)
    collect, prefix = CollectResults(ground.database, ground.blobs), f"t/{tenant.id}/"
    await collect.round()
    assert len(await ground.keys(prefix)) == 5, "within a day nothing is removed"
    await world.database.execute(OLDER)
    await collect.round()
    assert await ground.keys(prefix) == sorted([keys[1][0], *keys[3]]), "the winner and what may still win stay"
    assert await world.ask("SELECT count(*) FROM document_attempts WHERE collected") == 4


async def test_objects_no_row_names_are_removed_page_by_page(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    first, second, third = await tenant.announce(batch.id, 3)
    won, begun = (await tenant.begin(first)).object_key, (await tenant.begin(second)).object_key
    await tenant.complete(first, won)
    await tenant.upload(third, b"3")
    await tenant.cancel_documents(batch.id, [second.id, third.id])
    prefix = f"t/{tenant.id}/b/{batch.id}/d/"
    nobodys = [
        f"{prefix}{first.id}/u/{an_id()}",
        f"{prefix}{first.id}/a/1/result.json",
        f"{prefix}{an_id()}/u/{an_id()}",
    ]
    foreign = [f"t/{tenant.id}/e/{an_id()}.csv", f"t/{tenant.id}/b/{batch.id}/note.txt"]
    await ground.put(won, begun, *nobodys, *foreign)
    patient = CollectOrphans(ground.database, ground.blobs)
    await patient.round()
    assert len(await ground.keys(f"t/{tenant.id}/")) == 7, "within a day nothing is removed"
    walk = CollectOrphans(ground.database, ground.blobs, page=2, grace_hours=0)
    rounds = 1
    while await walk.round() < 600:
        rounds += 1
    assert rounds >= 3
    assert set(await ground.keys(f"t/{tenant.id}/")) == {won, begun, *foreign}


async def test_results_of_open_documents_are_no_orphans(world: World, ground: Ground) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(2)

    async def hold_or_store(attempt: Attempt) -> None:
        await ground.put(attempt.claim.result_key)
        if attempt.claim.position == 1:
            await attempt.extract()
        else:
            await attempt.stop_asked(60)

    await world.worker(hold_or_store)
    await world.until("SELECT succeeded = 1 FROM batch_processes WHERE id = $1", batch.id)
    before = await ground.keys(f"t/{tenant.id}/")
    assert len(before) == 2
    await CollectOrphans(ground.database, ground.blobs, grace_hours=0).round()
    assert await ground.keys(f"t/{tenant.id}/") == before


async def test_a_batch_left_unsettled_is_settled_and_says_so(
    world: World, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(1)
    await world.worker()
    await tenant.until_final(batch.id)
    await subscriber.until_terminal([batch.id])
    back = (
        "UPDATE batch_processes SET status = 'PROCESSING', completed_at = NULL, terminal_event_id = NULL WHERE id = $1"
    )
    await world.database.execute(back, batch.id)
    await SettleLate(ground.database).round()
    settled = await tenant.get(batch.id)
    assert (settled.status, settled.HasField("complete_time")) == (BATCH_STATUS_COMPLETED, True)
    assert "batches_settled_late" in capsys.readouterr().out
    await world.until("SELECT count(*) = 0 FROM outbox")
    assert len(subscriber.terminal_ids(batch.id)) == 1, "the same id again"


async def test_events_that_wait_long_are_told_of(
    world: World, ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = await world.tenant()
    await WatchOutbox(ground.database).round()
    assert "outbox_stale" not in capsys.readouterr().out
    stuck = """
        INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body, created_at, claimed_until)
        VALUES ($1, $1, $1, 't', 'k', '', now() - interval '2 minutes', now() + interval '1 hour')"""
    await world.database.execute(stuck, tenant.id)
    await WatchOutbox(ground.database).round()
    told = capsys.readouterr().out
    assert "outbox_stale" in told
    assert "count=1" in told
    await world.database.execute("DELETE FROM outbox")


async def test_what_runs_at_the_deadline_finishes_or_expires(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(3)
    attempts: dict[int, Attempt] = {}

    async def hold(attempt: Attempt) -> None:
        attempts[attempt.claim.position] = attempt
        if attempt.claim.position == 3:
            await attempt.release(seconds=3_600)
        else:
            await attempt.stop_asked(60)

    worker = await world.worker(hold)
    await worker.until(lambda: len(attempts) == 3)
    await world.until("SELECT retry_wait = 1 FROM batch_processes WHERE id = $1", batch.id)
    await world.database.execute("UPDATE batch_processes SET deadline_at = now() WHERE id = $1", batch.id)
    await world.until("SELECT expired = 1 AND processing = 2 FROM batch_processes WHERE id = $1", batch.id)
    await succeed(attempts[1])
    await attempts[2].release()
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_EXPIRED
    statuses = [document.status for document in await tenant.documents(batch.id)]
    assert statuses == [DOCUMENT_STATUS_SUCCEEDED, DOCUMENT_STATUS_EXPIRED, DOCUMENT_STATUS_EXPIRED]
    assert len(worker.attempts) == 3, "nothing is claimed past the deadline"
    await subscriber.until_terminal([batch.id])
    assert subscriber.of(batch.id)[-1].type == "batch.expired.v1"
