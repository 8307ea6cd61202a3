"""Sends documents anew whose job nobody claimed, once the queue has nothing ready: the broker lost it (DESIGN §3.3)."""

from batch.jobs import LARGEST_SET, dispatch_again
from batch.rounds import keep_going
from batch.settings import BatchSettings
from batch.store import dispatching
from batch.store.database import Database
from chassis.amqp import Doctor, Publisher
from chassis.topology import JOBS_EXTRACT

SCAN_SECONDS = 2.0


class DispatchAgain:
    """Runs scans."""

    def __init__(self, database: Database, publisher: Publisher, doctor: Doctor, settings: BatchSettings) -> None:
        self._database = database
        self._publisher = publisher
        self._doctor = doctor
        self._unclaimed_seconds = settings.unclaimed_seconds

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("dispatch_again", self.round)

    async def round(self) -> float:
        """Send anew what was lost; answers how long to rest."""
        async with self._database.engine() as tx:
            unclaimed = await dispatching.unclaimed(tx, self._unclaimed_seconds, LARGEST_SET)
        if unclaimed and await self._queue_shows_nothing():
            await dispatch_again(self._database, self._publisher, unclaimed)
        return SCAN_SECONDS

    async def _queue_shows_nothing(self) -> bool:
        (jobs,) = await self._doctor.examine(JOBS_EXTRACT)
        return jobs.ready == 0
