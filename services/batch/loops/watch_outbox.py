"""Says so when events wait long for the broker's confirm: the relay keeps trying, somebody should look why."""

from batch.rounds import keep_going
from batch.store import sweeping
from batch.store.database import Database
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 30.0
STALE_SECONDS = 60.0


class WatchOutbox:
    """Runs scans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("watch_outbox", self.round)

    async def round(self) -> float:
        """Log how much is stale; answers how long to rest."""
        async with self._database.engine() as tx:
            stale = await sweeping.stale_outbox(tx, STALE_SECONDS)
        if stale.count:
            log.warning("outbox_stale", count=stale.count, oldest_seconds=round(stale.oldest_seconds))
        return SCAN_SECONDS
