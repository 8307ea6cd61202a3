"""Tells the ends of batches again when the log of events is new: the broker lost the last one (DESIGN §3.9, ADR 9).

What the broker had confirmed is gone from the outbox, so a broker wiped clean would take the ends of batches with it
before slow subscribers have read them. The events are the same as the first time: who has heard, hears nothing new.
"""

from batch.rounds import keep_going
from batch.store import dispatching, outbox
from batch.store.database import Database
from chassis.amqp import Doctor
from chassis.logs import get_logger
from chassis.topology import EVENTS_LOG

log = get_logger()

SCAN_SECONDS = 3.0


class TellAgain:
    """Looks for the mark on the log; replicas elect one of them to tell."""

    def __init__(self, database: Database, doctor: Doctor) -> None:
        self._database = database
        self._doctor = doctor

    async def run(self) -> None:
        """Look for ever."""
        await keep_going("tell_again", self.round)

    async def round(self) -> float:
        """Tell what a new log lacks, then mark it as told; answers how long to rest."""
        if not await self._doctor.is_marked(EVENTS_LOG):
            told = await self._tell()
            if told is not None:
                await self._doctor.mark(EVENTS_LOG)
                log.warning("events_log_was_new", told=told)
        return SCAN_SECONDS

    async def _tell(self) -> int | None:
        """How many ends were told; None when another replica is telling them."""
        async with self._database.engine() as tx:
            if not await dispatching.elect(tx, dispatching.TELL_LOCK):
                return None
            return await outbox.add_kept(tx)
