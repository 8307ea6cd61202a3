"""Sampling sees what is broken for a moment only, and outlives a database that goes away."""

import asyncio
from collections.abc import Callable

from tests.chaos.checker.ground import Ground
from tests.chaos.checker.sampling import Samples, sampling
from tests.contract.chaos_checker.sound_rows import BATCH, OPEN_BATCH, RUNNING
from tests.integration.batch.database import Database

OFTEN = 0.02


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - the sampler tells nobody
            await asyncio.sleep(OFTEN)


async def until_sampled(samples: Samples) -> None:
    seen = samples.taken
    await until(lambda: samples.taken > seen + 1)


async def test_sampling_is_silent_while_nothing_is_broken(ground: Ground, database: Database) -> None:
    assert database
    async with sampling(ground, OFTEN) as samples:
        await until_sampled(samples)
    assert (samples, samples.missed) == ([], 0)


async def test_sampling_sees_what_is_broken_for_a_moment(ground: Ground, database: Database) -> None:
    async with sampling(ground, OFTEN) as samples:
        await until_sampled(samples)
        await database.execute("UPDATE batch_processes SET pages = pages + 1 WHERE id = $1", BATCH)
        await until_sampled(samples)
        await database.execute("UPDATE batch_processes SET pages = pages - 1 WHERE id = $1", BATCH)
        await until_sampled(samples)
    assert [(one.invariant, one.kind, one.subject) for one in samples] == [("I02", "wrong", BATCH)]


async def test_sampling_sees_a_number_that_falls(ground: Ground, database: Database) -> None:
    async with sampling(ground, OFTEN) as samples:
        await until_sampled(samples)
        await database.execute("UPDATE batch_processes SET sequence = sequence - 1 WHERE id = $1", OPEN_BATCH)
        await until_sampled(samples)
    assert [(one.invariant, one.subject, one.detail) for one in samples] == [
        ("I06", OPEN_BATCH, "(5, 2, 0) fell to (5, 1, 0)")
    ]


async def test_sampling_sees_a_lease_on_the_clock_of_a_worker(ground: Ground, database: Database) -> None:
    async with sampling(ground, OFTEN) as samples:
        await database.execute("UPDATE documents SET lease_until = now() + interval '1 hour' WHERE id = $1", RUNNING)
        await until_sampled(samples)
    assert [(one.invariant, one.subject) for one in samples] == [("I31", RUNNING)]


async def test_sampling_goes_on_when_its_connection_is_cut(ground: Ground, database: Database) -> None:
    async with sampling(ground, OFTEN) as samples:
        await until_sampled(samples)
        assert await database.value(
            "SELECT sum(pg_terminate_backend(pid)::int) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
        await until(lambda: samples.missed > 0)
        await until_sampled(samples)
    assert samples == []
