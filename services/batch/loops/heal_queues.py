"""Makes queues anew that are missing or have no leader, and fills the one of jobs again from rows (DESIGN §3.1).

What a queue held is lost with it, and nothing else: jobs are rows; an event that is lost lets a lease end, and the next
attempt finds the result of the earlier one. The log of events is a stream, which clients read back by offset, so it is
only spoken of.
"""

from collections import Counter

from batch.jobs import refill
from batch.rounds import keep_going
from batch.store.database import Database
from chassis.amqp import Doctor, Examined, Publisher, State
from chassis.logs import get_logger
from chassis.topology import DEAD_LETTERS, EVENTS_LOG, JOBS_EXTRACT, PROGRESS_FOLD, Queue

log = get_logger()

SCAN_SECONDS = 5.0
VISITS_TO_RECREATE = 3
"""A queue that has just started has no leader for a moment; one that is dead at three visits in a row stays so."""
VISITS_TO_SPEAK_OF = 20


class HealQueues:
    """Visits the queues."""

    def __init__(self, database: Database, publisher: Publisher, doctor: Doctor) -> None:
        self._database = database
        self._publisher = publisher
        self._doctor = doctor
        self._ill = Counter[str]()
        """Visits in a row at which a queue was not well."""

    async def run(self) -> None:
        """Visit for ever."""
        await keep_going("heal_queues", self.round)

    async def round(self) -> float:
        """Visit every queue once; answers how long to rest."""
        for found in await self._doctor.examine(JOBS_EXTRACT, PROGRESS_FOLD, DEAD_LETTERS, EVENTS_LOG):
            name = found.queue.name
            self._ill[name] = 0 if found.state is State.WELL else self._ill[name] + 1
            if self._ill[name]:
                await self._treat(found, self._ill[name])
        return SCAN_SECONDS

    async def _treat(self, found: Examined, visits: int) -> None:
        if found.queue is EVENTS_LOG:
            if visits % VISITS_TO_SPEAK_OF == 0:
                log.error("events_log_dead", queue=found.queue.name, state=found.state.name, visits=visits)
        elif found.state is State.MISSING:
            await self._doctor.declare(found.queue)
            await self._made_anew(found.queue)
        elif visits >= VISITS_TO_RECREATE:
            log.error("queue_dead", queue=found.queue.name, visits=visits)
            await self._doctor.recreate(found.queue)
            await self._made_anew(found.queue)

    async def _made_anew(self, queue: Queue) -> None:
        self._ill[queue.name] = 0
        log.warning("queue_made_anew", queue=queue.name)
        if queue is JOBS_EXTRACT:
            await refill(self._database, self._publisher)
