"""Settles batches whose documents are all final and whose status is not: there should be none, so it says so."""

from batch import ledger
from batch.rounds import keep_going
from batch.store import batches, sweeping
from batch.store.database import Database
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 30.0
LARGEST_SET = 100


class SettleLate:
    """Runs scans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("settle_late", self.round)

    async def round(self) -> float:
        """Settle what was left behind; answers how long to rest."""
        async with self._database.engine() as tx:
            late = await sweeping.unsettled(tx, LARGEST_SET)
            if late:
                await batches.lock_many(tx, late)
                await ledger.settle(tx, await batches.get_many(tx, late))
                log.warning("batches_settled_late", count=len(late), batch_ids=[str(one) for one in late])
        return SCAN_SECONDS
