"""The relay: publishes what the outbox holds and removes only what the broker confirmed (DESIGN §3.8).

A queue that a subscriber has bound may refuse an event, or have no leader to take it; the whole publish then fails, for
every subscriber. After three times the event goes straight to the log of events and past all of them (DESIGN §7).
"""

import asyncio
from collections.abc import Sequence
from enum import Enum, auto

from batch.rounds import keep_going
from batch.store import outbox
from batch.store.database import Database
from batch.store.outbox import Unpublished
from batch.wire.events import TERMINAL_TYPES, cloud_event_headers
from chassis.amqp import Publisher, PublishFailed, Refused
from chassis.failpoints import Point, during, reach
from chassis.logs import get_logger
from chassis.topology import EVENTS, EVENTS_LOG

log = get_logger()

LARGEST_SET = 200
CLAIM_SECONDS = 2.0
"""How long events stay with a relay that dies. A broker that takes longer gets them twice, each with its one id."""
REFUSED_SECONDS = 1.0
"""How long a queue that refused an event is given to make room."""
AWAY_SECONDS = 0.25
IDLE_SECONDS = 0.1
NACKS_TO_DETOUR = 3


class _Met(Enum):
    CONFIRMED = auto()
    REFUSED = auto()
    AWAY = auto()


class Relay:
    """Publishes events; replicas skip what another has claimed."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def run(self) -> None:
        """Relay for ever."""
        await keep_going("relay", self.round)

    async def round(self) -> float:
        """Publish what waits now; answers how long to rest."""
        await self._publisher.open()  # nothing is claimed while nothing can be published
        async with self._database.engine() as tx:
            taken = await outbox.take(tx, LARGEST_SET, CLAIM_SECONDS)
        if not taken:
            return IDLE_SECONDS
        await reach(Point.B3)
        try:
            met = await asyncio.gather(*(self._publish(one) for one in taken))
        except asyncio.CancelledError:
            # This replica drains: another one need not wait for the claims to run out.
            await self._settle(taken, [_Met.AWAY] * len(taken))
            raise
        await reach(Point.B5)
        await self._settle(taken, met)
        return 0.0 if _Met.CONFIRMED in met else IDLE_SECONDS

    async def _settle(self, taken: Sequence[Unpublished], met: Sequence[_Met]) -> None:
        def that(fate: _Met) -> list[int]:
            return [one.id for one, how in zip(taken, met, strict=True) if how is fate]

        async with self._database.engine() as tx:
            await outbox.confirmed(tx, that(_Met.CONFIRMED))
            await outbox.refused(tx, that(_Met.REFUSED), REFUSED_SECONDS)
            await outbox.give_back(tx, that(_Met.AWAY), AWAY_SECONDS)

    async def _publish(self, one: Unpublished) -> _Met:
        if one.event_type in TERMINAL_TYPES:
            await reach(Point.B8)
        try:
            await during(Point.B4, self._send(one))
        except PublishFailed as error:
            log.warning("event_not_confirmed", event_id=str(one.event_id), nacks=one.nacks, error=str(error))
            return _Met.REFUSED if isinstance(error, Refused) else _Met.AWAY
        return _Met.CONFIRMED

    async def _send(self, one: Unpublished) -> None:
        headers = cloud_event_headers(one.event_id, one.event_type, one.batch_id, one.created_at)
        if one.nacks < NACKS_TO_DETOUR:
            await self._publisher.publish(EVENTS, one.routing_key, one.body, headers=headers)
            return
        await self._publisher.publish_to(EVENTS_LOG, one.routing_key, one.body, headers=headers)
        log.warning("event_detoured", event_id=str(one.event_id), batch_id=str(one.batch_id), nacks=one.nacks)
