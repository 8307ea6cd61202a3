"""Removes what attempts stored in vain, a day after their document became final: until then a late success may win."""

from collections.abc import Sequence

from batch.domain import keys
from batch.rounds import keep_going
from batch.store import sweeping
from batch.store.database import Database
from batch.store.sweeping import EndedAttempt
from chassis.blobs import BlobFault, Blobs
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 30.0
BUSY_SECONDS = 1.0
GRACE_HOURS = 24
LARGEST_SET = 1_000


class CollectResults:
    """Runs scans; each attempt is looked at once."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def run(self) -> None:
        """Collect for ever."""
        await keep_going("collect_results", self.round)

    async def round(self) -> float:
        """Remove what lost; answers how long to rest."""
        async with self._database.engine() as tx:
            ended = await sweeping.ended_attempts(tx, GRACE_HOURS, LARGEST_SET)
        try:
            await self._blobs.remove_many(_lost(ended))
        except BlobFault as fault:
            log.warning("results_not_collected", error=str(fault))
            return SCAN_SECONDS
        if ended:
            async with self._database.engine() as tx:
                await sweeping.collected(tx, ended)
        return BUSY_SECONDS if len(ended) == LARGEST_SET else SCAN_SECONDS


def _lost(ended: Sequence[EndedAttempt]) -> list[str]:
    stored = {keys.result_key(one.tenant_id, one.batch_id, one.document_id, one.attempt) for one in ended}
    return sorted(stored - {one.result_key for one in ended})
