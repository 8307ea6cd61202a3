"""What subscribers of `quire.events` hear: every status once by id, no hole, one terminal event, never a lie."""

import asyncio
from datetime import datetime
from itertools import pairwise

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED_WITH_ERRORS
from tests.integration.batch.tenants import FINAL
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


async def fail_the_first(attempt: Attempt) -> None:
    if attempt.claim.position == 1 and attempt.claim.retry_generation == 0:
        await attempt.fail()
    else:
        await succeed(attempt)


async def test_a_subscriber_hears_each_status_and_one_terminal_event(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(3)
    await world.worker(fail_the_first)
    final = await tenant.until_final(batch.id)
    await subscriber.until_terminal([batch.id])
    heard = sorted({event.id: event for event in subscriber.of(batch.id)}.values(), key=lambda one: one.batch.sequence)
    kinds = [event.type for event in heard if event.type != "batch.progressed.v1"]
    assert kinds == ["batch.queued.v1", "batch.processing.v1", "batch.completed_with_errors.v1"]
    assert len(subscriber.terminal_ids(batch.id)) == 1
    assert subscriber.sequences(batch.id) == list(range(1, final.sequence + 1))
    assert all(one.batch.version <= two.batch.version for one, two in pairwise(heard))
    last = heard[-1].batch
    assert (last.status, last.version, last.sequence) == (final.status, final.version, final.sequence)
    assert last.counters == final.counters


async def test_an_event_is_a_cloud_event_with_a_snapshot_that_holds_no_content(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(1, extraction_prompt="canary")
    await world.worker()
    await tenant.until_final(batch.id)
    await subscriber.until_terminal([batch.id])
    for event in subscriber.of(batch.id):
        assert event.headers["cloudEvents:specversion"] == "1.0"
        assert event.headers["cloudEvents:source"] == "/quire/batch"
        assert event.headers["cloudEvents:subject"] == batch.id
        assert datetime.fromisoformat(event.headers["cloudEvents:time"]).tzinfo is not None
        assert event.routing_key == f"v1.{tenant.id}.batch.{event.type.split('.')[1]}"
        assert event.tenant_id == tenant.id
        assert (event.batch.extraction_prompt, event.batch.output_schema) == ("", "")
        assert event.terminal == (event.batch.status in FINAL)


async def test_each_retry_generation_has_a_terminal_event_of_its_own(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(2)
    await world.worker(fail_the_first)
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED_WITH_ERRORS
    await tenant.retry(batch.id)
    final = await tenant.until_final(batch.id)
    await subscriber.until(lambda: len(subscriber.terminal_ids(batch.id)) == 2)
    by_generation = {event.batch.retry_generation: event.id for event in subscriber.of(batch.id) if event.terminal}
    assert set(by_generation) == {0, 1}
    assert len(set(by_generation.values())) == 2
    assert subscriber.sequences(batch.id) == list(range(1, final.sequence + 1))


async def test_progress_is_told_at_most_once_a_second_and_never_after_the_end(world: World) -> None:
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batch = await tenant.sealed(30)

    async def slowly(attempt: Attempt) -> None:
        await asyncio.sleep(0.1)
        await succeed(attempt)

    await world.worker(slowly, slots=2)
    await tenant.until_final(batch.id)
    await subscriber.until_terminal([batch.id])
    await world.until("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE batch_id = $1)", batch.id)
    heard = sorted({event.id: event for event in subscriber.of(batch.id)}.values(), key=lambda one: one.batch.sequence)
    told = [datetime.fromisoformat(one.headers["cloudEvents:time"]) for one in heard if "progressed" in one.type]
    assert told, "a run of more than a second tells of progress"
    assert all((two - one).total_seconds() > 0.99 for one, two in pairwise(told))
    assert heard[-1].terminal


async def test_nothing_stays_in_the_outbox(world: World) -> None:
    tenants = [await world.tenant() for _ in range(3)]
    batches = [await tenant.sealed(4) for tenant in tenants]
    await world.worker()
    for tenant, batch in zip(tenants, batches, strict=True):
        await tenant.until_final(batch.id)
    await world.until("SELECT count(*) = 0 FROM outbox")


async def test_two_relays_tell_nothing_twice_under_two_ids(world: World) -> None:
    await world.replica("relay", "emit", "dispatch", "fold", "rescue")
    tenant, subscriber = await world.tenant(), await world.subscriber()
    batches = [await tenant.sealed(5) for _ in range(6)]
    await world.worker(fail_the_first)
    finals = [await tenant.until_final(batch.id) for batch in batches]
    await subscriber.until_terminal([batch.id for batch in batches])
    await world.until("SELECT count(*) = 0 FROM outbox")
    await subscriber.until(lambda: all(len(subscriber.sequences(final.id)) == final.sequence for final in finals))
    for final in finals:
        assert len(subscriber.terminal_ids(final.id)) == 1
        assert subscriber.sequences(final.id) == list(range(1, final.sequence + 1))
