"""Forgets request ids after a day, workers not heard of for an hour, terminal events when the broker's log does."""

from batch.rounds import keep_going
from batch.store import claims, outbox, tenants
from batch.store.database import Database

SCAN_SECONDS = 5.0
REQUEST_HOURS = 24
LOG_DAYS = 7
"""As old as an event in the log may become (topology.EVENTS_LOG)."""


class Forget:
    """Runs scans."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Forget for ever."""
        await keep_going("forget", self.round)

    async def round(self) -> float:
        """Forget what is old; answers how long to rest."""
        async with self._database.engine() as tx:
            await tenants.forget_requests(tx, REQUEST_HOURS)
            await claims.forget_silent_workers(tx)
            await outbox.forget_kept(tx, LOG_DAYS)
        return SCAN_SECONDS
