"""Bugs in who holds a document, and for how long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.chaos.mutants.mutant import BATCH, mutant, original, replace

AHEAD = timedelta(hours=1)
_LEASE_UNTIL = "UPDATE documents SET lease_until = :until WHERE lease_token = ANY(:tokens)"


@mutant(BATCH, "I31", "I07")
def lease_on_a_workers_clock() -> None:
    """A lease ends by the clock of the database. Here it ends by the clock of the process, which is an hour ahead.

    Seen at once by sampling; when a worker is frozen its documents wait for an hour.
    """
    from batch.store import claims, database  # noqa: PLC0415

    claim, renew, execute = original(claims, "claim"), original(claims, "renew"), original(database, "execute")

    async def stamp(tx: Any, tokens: Sequence[Any], seconds: float) -> None:
        until = datetime.now(UTC) + AHEAD + timedelta(seconds=seconds)
        await execute(tx, _LEASE_UNTIL, until=until, tokens=list(tokens))

    async def claim_by_own_clock(tx: Any, asked: Sequence[Any], times: Any) -> Any:
        changed = await claim(tx, asked, times)
        await stamp(tx, [one.lease_token for one in asked], times.lease_seconds)
        return changed

    async def renew_by_own_clock(tx: Any, tokens: Sequence[Any], worker: str, lease_seconds: float) -> Any:
        renewed = await renew(tx, tokens, worker, lease_seconds)
        await stamp(tx, list(renewed), lease_seconds)
        return renewed

    replace(claims, "claim", claim_by_own_clock)
    replace(claims, "renew", renew_by_own_clock)
