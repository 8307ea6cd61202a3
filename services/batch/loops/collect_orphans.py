"""Removes objects that no row names: walks the bucket slowly, a page a round, and begins anew at its end.

There should be none. A writer that outlived its batch, or a database restored from a backup, leaves some.
"""

from collections.abc import Sequence

from batch.domain import keys
from batch.rounds import keep_going
from batch.store import sweeping
from batch.store.database import Database
from batch.store.sweeping import Seen
from chassis.blobs import BlobFault, Blobs, ListedBlob
from chassis.logs import get_logger

log = get_logger()

PAGE = 1_000
PAGE_SECONDS = 10.0
PASS_SECONDS = 600.0
GRACE_HOURS = 24


class CollectOrphans:
    """Runs rounds; its place in the bucket is kept in memory only."""

    def __init__(self, database: Database, blobs: Blobs, *, page: int = PAGE, grace_hours: int = GRACE_HOURS) -> None:
        self._database = database
        self._blobs = blobs
        self._page = page
        self._grace_hours = grace_hours
        self._after = ""

    async def run(self) -> None:
        """Walk for ever."""
        await keep_going("collect_orphans", self.round)

    async def round(self) -> float:
        """Look at the next page; answers how long to rest."""
        try:
            page = await self._blobs.list_page(keys.EVERYTHING, self._after, self._page)
            await self._remove_orphans(page)
        except BlobFault as fault:
            log.warning("orphans_not_collected", error=str(fault))
            return PAGE_SECONDS
        more = len(page) == self._page
        self._after = page[-1].key if more else ""
        return PAGE_SECONDS if more else PASS_SECONDS

    async def _remove_orphans(self, page: Sequence[ListedBlob]) -> None:
        seen = [
            Seen(blob.key, parts.document_id, parts.attempt, blob.modified_at)
            for blob in page
            if (parts := keys.parse(blob.key)) is not None
        ]
        async with self._database.engine() as tx:
            orphans = await sweeping.orphans(tx, seen, self._grace_hours)
        await self._blobs.remove_many(orphans)
        if orphans:
            log.warning("orphans_removed", count=len(orphans))
