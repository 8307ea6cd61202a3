"""The dispatcher: releases a fair, small window of jobs (DESIGN §3.2, §3.3).

The dispatch id is written and committed first, then the job is published: the row is the job's own outbox. The document
of a job that could not be published waits again.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from batch.domain.scheduling import Rota, TenantQueue, Waiting, pick
from batch.jobs import publish_jobs
from batch.rounds import keep_going
from batch.store import dispatching
from batch.store.database import Database
from batch.store.dispatching import Candidate, Dispatched, InFlight
from chassis.amqp import Publisher

LEAST_WINDOW = 32
BUSY_SECONDS = 0.01
IDLE_SECONDS = 0.1
REFUSED_SECONDS = 0.5
SILENT_WORKER_SECONDS = 20.0


class Dispatcher:
    """Runs rounds; replicas elect one of them for each."""

    def __init__(self, database: Database, publisher: Publisher, bell: asyncio.Event) -> None:
        self._database = database
        self._publisher = publisher
        self._bell = bell
        self._rota = Rota()

    async def run(self) -> None:
        """Dispatch for ever."""
        await keep_going("dispatch", self.round, self._bell)

    async def round(self) -> float:
        """Dispatch what fits now; answers how long to rest."""
        await self._publisher.open()  # nothing is dispatched while nothing can be published
        dispatched = await self._choose()
        if not await publish_jobs(self._database, self._publisher, dispatched):
            return REFUSED_SECONDS
        return BUSY_SECONDS if dispatched else IDLE_SECONDS

    async def _choose(self) -> list[Dispatched]:
        async with self._database.engine() as tx:
            if not await dispatching.elect(tx, dispatching.DISPATCH_LOCK):
                return []
            flying = await dispatching.in_flight(tx)
            slots = await dispatching.slots(tx, SILENT_WORKER_SECONDS)
            window = max(LEAST_WINDOW, slots) - flying.unclaimed
            if window <= 0:
                return []
            # One more than fits: a tenant that has more than the window is cut short, one that has not is served.
            candidates = await dispatching.candidates(tx, window + 1)
            picks = pick(_queues(candidates, flying), window, self._rota)
            self._rota = picks.rota
            if not picks.documents:
                return []
            return await dispatching.dispatch(tx, {document: uuid4() for document in picks.documents})


def _queues(candidates: Sequence[Candidate], flying: InFlight) -> list[TenantQueue]:
    by_tenant: dict[UUID, list[Candidate]] = {}
    for candidate in candidates:
        by_tenant.setdefault(candidate.tenant_id, []).append(candidate)
    return [
        TenantQueue(
            tenant_id=tenant_id,
            weight=max(one.weight for one in waiting),
            free=max(one.documents_in_flight for one in waiting) - flying.by_tenant.get(tenant_id, 0),
            waiting=[Waiting(one.document_id, one.size_bytes) for one in waiting],
        )
        for tenant_id, waiting in by_tenant.items()
    ]
