"""Purges batches that are deleted or past their retention, once nothing runs: contents go, counters stay (DESIGN §4).

The rows are blanked first and say when the objects are to go; those are removed at once and a day later again, since a
writer that was away may still have been at it.
"""

from batch.domain import keys
from batch.rounds import keep_going
from batch.store import purging
from batch.store.database import Database
from chassis.blobs import BlobFault, Blobs
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 5.0
LARGEST_SET = 20


class Purge:
    """Runs scans."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def run(self) -> None:
        """Purge for ever."""
        await keep_going("purge", self.round)

    async def round(self) -> float:
        """Purge what is due; answers how long to rest."""
        await self._blank()
        await self._remove_objects()
        return SCAN_SECONDS

    async def _blank(self) -> None:
        async with self._database.engine() as tx:
            due = await purging.due(tx, LARGEST_SET)
        for batch_id in due:
            async with self._database.engine() as tx:
                purged = await purging.purge(tx, batch_id)
            if purged:
                log.info("batch_purged", batch_id=str(batch_id))

    async def _remove_objects(self) -> None:
        async with self._database.engine() as tx:
            purged = await purging.to_sweep(tx, LARGEST_SET)
        for batch in purged:
            try:
                await self._blobs.remove_under(keys.batch_prefix(batch.tenant_id, batch.id))
            except BlobFault as fault:
                log.warning("objects_not_removed", batch_id=str(batch.id), error=str(fault))
                return
            async with self._database.engine() as tx:
                await purging.swept(tx, batch.id)
