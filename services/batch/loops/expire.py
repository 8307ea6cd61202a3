"""Expires what waits past the deadline of its batch, and drafts that nobody touches (DESIGN §4)."""

from batch import ledger
from batch.rounds import keep_going
from batch.store import batches, moves
from batch.store.database import Database

SCAN_SECONDS = 5.0
DRAFT_HOURS = 24


class Expire:
    """Runs scans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("expire", self.round)

    async def round(self) -> float:
        """Expire what is due; answers how long to rest."""
        await self._expire_waiting()
        await self._expire_drafts()
        return SCAN_SECONDS

    async def _expire_waiting(self) -> None:
        async with self._database.engine() as tx:
            due = await batches.past_deadline(tx)
            if due:
                await batches.lock_many(tx, due)
                await ledger.settle(tx, await moves.expire_waiting(tx, due))

    async def _expire_drafts(self) -> None:
        async with self._database.engine() as tx:
            idle = await batches.expire_drafts(tx, DRAFT_HOURS)
            if idle:
                await moves.expire_waiting(tx, idle)
                await ledger.settle(tx, await batches.get_many(tx, idle))
