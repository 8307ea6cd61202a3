"""The rescuer: takes documents back from workers that are gone (DESIGN §3.5).

After its own start, and after a gap in its own scans, it first waits one lease: a database outage is nobody's loss.
Workers whose line broke are the exception, since a replica that lives has seen it happen.
"""

import time

from batch.domain.events import Event, Lost, TimedOut
from batch.domain.retries import LINE_GRACE_SECONDS
from batch.ledger import fold_events
from batch.rounds import keep_going
from batch.settings import BatchSettings
from batch.store import folding
from batch.store.database import Database
from batch.store.folding import Overdue
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 0.5
GAP_SECONDS = 5.0


class Rescuer:
    """Runs scans."""

    def __init__(self, database: Database, settings: BatchSettings) -> None:
        self._database = database
        self._lease_seconds = settings.lease_seconds
        self._last_scan = float("-inf")
        self._patient_until = float("-inf")

    async def run(self) -> None:
        """Rescue for ever."""
        await keep_going("rescue", self.round)

    async def round(self) -> float:
        """Take back what is overdue; answers how long to rest."""
        async with self._database.engine() as tx:
            overdue = await folding.overdue(tx, LINE_GRACE_SECONDS)
            taken = [one for one in overdue if one.line_broke or self._is_awake()]
            if taken:
                await fold_events(tx, [_event(one) for one in taken])
                log.warning("documents_rescued", count=len(taken))
        self._note_scan()
        return SCAN_SECONDS

    def _is_awake(self) -> bool:
        now = time.monotonic()
        if now - self._last_scan > GAP_SECONDS:
            self._patient_until = now + self._lease_seconds
        return now >= self._patient_until

    def _note_scan(self) -> None:
        self._is_awake()
        self._last_scan = time.monotonic()


def _event(one: Overdue) -> Event:
    return TimedOut(one.ref) if one.timed_out else Lost(one.ref)
