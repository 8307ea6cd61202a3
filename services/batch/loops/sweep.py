"""The sweeper: what time alone brings about: deadlines, idle drafts, old request ids, lost uploads, silent workers."""

from batch import ledger
from batch.rounds import keep_going
from batch.store import batches, claims, documents, moves, tenants
from batch.store.database import Database
from chassis.blobs import BlobFault, Blobs
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 5.0
DRAFT_HOURS = 24
REQUEST_HOURS = 24
UPLOAD_HOURS = 25
LARGEST_SET = 200


class Sweeper:
    """Runs scans."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def run(self) -> None:
        """Sweep for ever."""
        await keep_going("sweep", self.round)

    async def round(self) -> float:
        """Sweep once; answers how long to rest."""
        await self._expire_batches()
        await self._expire_drafts()
        await self._collect_uploads()
        async with self._database.engine() as tx:
            await tenants.forget_requests(tx, REQUEST_HOURS)
            await claims.forget_silent_workers(tx)
        return SCAN_SECONDS

    async def _expire_batches(self) -> None:
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

    async def _collect_uploads(self) -> None:
        async with self._database.engine() as tx:
            keys = await documents.lost_uploads(tx, UPLOAD_HOURS, LARGEST_SET)
        try:
            for key in keys:
                await self._blobs.remove(key)
        except BlobFault as fault:
            log.warning("uploads_not_collected", error=str(fault))
            return
        if keys:
            async with self._database.engine() as tx:
                await documents.forget_uploads(tx, keys)
