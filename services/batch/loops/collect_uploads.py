"""Removes uploads that were announced and lost, or were never completed, a day later."""

from batch.rounds import keep_going
from batch.store import documents
from batch.store.database import Database
from chassis.blobs import BlobFault, Blobs
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 5.0
UPLOAD_HOURS = 25
LARGEST_SET = 200


class CollectUploads:
    """Runs scans."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def run(self) -> None:
        """Collect for ever."""
        await keep_going("collect_uploads", self.round)

    async def round(self) -> float:
        """Remove what lost; answers how long to rest."""
        async with self._database.engine() as tx:
            keys = await documents.lost_uploads(tx, UPLOAD_HOURS, LARGEST_SET)
        try:
            await self._blobs.remove_many(keys)
        except BlobFault as fault:
            log.warning("uploads_not_collected", error=str(fault))
            return SCAN_SECONDS
        if keys:
            async with self._database.engine() as tx:
                await documents.forget_uploads(tx, keys)
        return SCAN_SECONDS
