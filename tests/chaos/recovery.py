"""How long it took until work went on, measured in the database as its owner."""

import asyncio
import math
import statistics
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.checker.sampling import AWAY
from tests.chaos.records import moment
from tests.chaos.stage import Stage
from tests.integration.batch.database import Database
from tests.waiting import until

GIVE_UP_SECONDS = 60.0
BROKER = "broker back, first event confirmed"
DATABASE = "database back, first commit"
KILLED = "worker killed, document running elsewhere"
FROZEN = "worker frozen, document running elsewhere"

Happened = Callable[[Database], Awaitable[None]]
_ELSEWHERE = """
SELECT NOT EXISTS (
    SELECT 1 FROM documents d JOIN unnest($1::uuid[], $2::int[]) AS held(id, attempt) ON held.id = d.id
     WHERE d.status IN ('PROCESSING', 'RETRY_WAIT') AND d.attempt = held.attempt)
"""
_ANY_CONFIRMED = "SELECT count(*) < cardinality($1::bigint[]) FROM outbox WHERE id = ANY($1::bigint[])"
_NEWEST_COMMIT = "SELECT greatest(max(updated_at), (SELECT max(beat_at) FROM workers)) FROM batch_processes"


@dataclass(frozen=True)
class Held:
    """A document under lease of one worker."""

    id: str
    attempt: int


@dataclass
class Recoveries:
    """Seconds by what recovered."""

    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def lines(self) -> list[str]:
        """One line for each: p50, p99, the longest, and how often."""
        return [
            f"{name}: p50 {statistics.median(found):.2f} s, p99 {_percentile(found, 0.99):.2f} s, "
            f"longest {max(found):.2f} s, {len(found)} times"
            for name, found in sorted(self.figures.items())
        ]

    async def confirm(self, stage: Stage) -> None:
        """Measure from the broker's first answer until the relay had an event confirmed."""
        since = await stage.servers.broker_answers()
        await self._measure(stage, BROKER, since, _first_confirm)

    async def commit(self, stage: Stage) -> None:
        """Measure from the database's first answer until a service of ours had committed."""
        since = await stage.servers.database_answers()
        await self._measure(stage, DATABASE, since, _first_commit)

    async def elsewhere(self, stage: Stage, name: str, held: Sequence[Held], since: float) -> None:
        """Measure until no document is still where it was held."""
        if held:
            await self._measure(stage, name, since, lambda owner: _until_elsewhere(owner, held))

    async def _measure(self, stage: Stage, name: str, since: float, happened: Happened) -> None:
        """One that another fault makes impossible to see is not counted."""
        with suppress(*AWAY):
            async with asyncio.timeout(GIVE_UP_SECONDS):
                owner = await stage.owner()
                try:
                    await happened(owner)
                    self.figures[name].append(moment() - since)
                finally:
                    await owner.close()


async def held_by(stage: Stage, pid: int) -> list[Held]:
    """What a worker process holds now."""
    owner = await stage.owner()
    try:
        found = await owner.rows(
            "SELECT id, attempt FROM documents WHERE status = 'PROCESSING' AND lease_worker LIKE $1", f"%-{pid}-%"
        )
        return [Held(str(one["id"]), one["attempt"]) for one in found]
    finally:
        await owner.close()


async def _first_confirm(owner: Database) -> None:
    waiting = [one["id"] for one in await owner.rows("SELECT id FROM outbox")]
    if not waiting:
        await until(lambda: owner.value("SELECT EXISTS (SELECT 1 FROM outbox)"), GIVE_UP_SECONDS)
        waiting = [one["id"] for one in await owner.rows("SELECT id FROM outbox")]
    await until(lambda: owner.value(_ANY_CONFIRMED, waiting), GIVE_UP_SECONDS)


async def _first_commit(owner: Database) -> None:
    newest = await owner.value(_NEWEST_COMMIT)
    await until(lambda: owner.value(f"SELECT ({_NEWEST_COMMIT}) > $1", newest), GIVE_UP_SECONDS)


async def _until_elsewhere(owner: Database, held: Sequence[Held]) -> None:
    ids, attempts = [one.id for one in held], [one.attempt for one in held]
    await until(lambda: owner.value(_ELSEWHERE, ids, attempts), GIVE_UP_SECONDS)


def _percentile(figures: Sequence[float], share: float) -> float:
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
