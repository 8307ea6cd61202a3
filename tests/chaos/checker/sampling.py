"""Asking every second, while a run goes on, what must hold in every committed state."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from tests.chaos.checker import rows
from tests.chaos.checker.ground import Ground
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import Violation
from tests.integration.batch.database import Database

# The driver's own error is what a statement meets that follows one which timed out.
AWAY = (OSError, TimeoutError, EOFError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_NUMBERS = "SELECT id::text, version, sequence, retry_generation FROM batch_processes"


class Samples(list[Violation]):
    """What was seen broken, each once however often it was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        """How often the database answered."""
        self.missed = 0
        """How often it was away."""
        self._numbers: dict[str, tuple[int, int, int]] = {}
        self._known = set[tuple[str, str, str]]()

    def add(self, found: list[Violation]) -> None:
        """Note what is new."""
        for one in found:
            if (one.invariant, one.subject, one.detail) not in self._known:
                self._known.add((one.invariant, one.subject, one.detail))
                self.append(one)

    def compare(self, numbers: dict[str, tuple[int, int, int]]) -> list[Violation]:
        """I06: a batch's numbers never fall."""
        before = self._numbers
        fell = [key for key, now in numbers.items() if key in before and _any_less(now, before[key])]
        found = [Violation("I06", OTHER, key, f"{before[key]} fell to {numbers[key]}") for key in fell]
        self._numbers = numbers
        return found


def _any_less(now: tuple[int, ...], before: tuple[int, ...]) -> bool:
    return any(one < other for one, other in zip(now, before, strict=True))


@asynccontextmanager
async def sampling(ground: Ground, every_seconds: float = 1.0) -> AsyncGenerator[Samples]:
    """Sample while the block runs, over a connection of its own; a database that is away is asked again."""
    samples = Samples()
    asking = asyncio.create_task(_ask_for_ever(ground, samples, every_seconds), name="sampling")
    try:
        yield samples
    finally:
        asking.cancel()
        await asyncio.wait([asking])
    if not asking.cancelled():
        asking.result()


async def _ask_for_ever(ground: Ground, samples: Samples, every_seconds: float) -> None:
    while True:
        try:
            database = await Database.connect(ground.owner_url)
            try:
                await _ask_while_there(database, ground, samples, every_seconds)
            finally:
                await database.close()
        except asyncpg.SyntaxOrAccessError:
            raise  # a question that is wrong would never be answered
        except AWAY:
            samples.missed += 1
        await asyncio.sleep(every_seconds)


async def _ask_while_there(database: Database, ground: Ground, samples: Samples, every_seconds: float) -> None:
    while True:
        samples.add(await rows.always(database, ground.lease_seconds))
        async with asyncio.timeout(rows.ASK_SECONDS):
            numbers = await database.rows(_NUMBERS)
        samples.add(
            samples.compare({row["id"]: (row["version"], row["sequence"], row["retry_generation"]) for row in numbers})
        )
        samples.taken += 1
        await asyncio.sleep(every_seconds)
