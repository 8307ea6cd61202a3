"""Sends documents anew whose job nobody claimed, once the queue has nothing ready: the broker lost it (DESIGN §3.3)."""

from uuid import uuid4

from batch.jobs import publish_jobs
from batch.rounds import keep_going
from batch.settings import BatchSettings
from batch.store import dispatching
from batch.store.database import Database
from chassis.amqp import Publisher, QueueDepth
from chassis.logs import get_logger
from chassis.topology import JOBS_EXTRACT

log = get_logger()

SCAN_SECONDS = 2.0
LARGEST_SET = 200


class DispatchAgain:
    """Runs scans."""

    def __init__(self, database: Database, publisher: Publisher, depth: QueueDepth, settings: BatchSettings) -> None:
        self._database = database
        self._publisher = publisher
        self._depth = depth
        self._unclaimed_seconds = settings.unclaimed_seconds

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("dispatch_again", self.round)

    async def round(self) -> float:
        """Send anew what was lost; answers how long to rest."""
        async with self._database.engine() as tx:
            unclaimed = await dispatching.unclaimed(tx, self._unclaimed_seconds, LARGEST_SET)
        if unclaimed and await self._depth.ready(JOBS_EXTRACT) == 0:
            async with self._database.engine() as tx:
                again = await dispatching.dispatch(tx, {document: uuid4() for document in unclaimed}, again=True)
            log.warning("documents_dispatched_again", count=len(again))
            await publish_jobs(self._publisher, again)
        return SCAN_SECONDS
