"""The relay: publishes what the outbox holds and removes only what the broker confirmed (DESIGN §3.8)."""

import asyncio
from collections.abc import Sequence

from batch.rounds import keep_going
from batch.store import outbox
from batch.store.database import Database
from batch.store.outbox import Unpublished
from batch.wire.events import TERMINAL_TYPES, cloud_event_headers
from chassis.amqp import PUBLISH_DEADLINE, Publisher, PublishFailed
from chassis.failpoints import Point, during, reach
from chassis.logs import get_logger
from chassis.topology import EVENTS

log = get_logger()

LARGEST_SET = 200
CLAIM_SECONDS = 2 * PUBLISH_DEADLINE
"""How long events stay with a relay that dies: long enough to publish them, short enough to wait for."""
RETRY_SECONDS = 1.0
IDLE_SECONDS = 0.1


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
        async with self._database.engine() as tx:
            taken = await outbox.take(tx, LARGEST_SET, CLAIM_SECONDS)
        if not taken:
            return IDLE_SECONDS
        await reach(Point.B3)
        try:
            confirmed = await self._publish_all(taken)
        except asyncio.CancelledError:
            await self._settle(taken, set())  # this replica drains: another one need not wait for the claim to run out
            raise
        await reach(Point.B5)
        await self._settle(taken, confirmed)
        return RETRY_SECONDS if len(confirmed) < len(taken) else 0.0

    async def _settle(self, taken: Sequence[Unpublished], confirmed: set[int]) -> None:
        async with self._database.engine() as tx:
            await outbox.confirmed(tx, list(confirmed))
            await outbox.give_back(tx, [one.id for one in taken if one.id not in confirmed], RETRY_SECONDS)

    async def _publish_all(self, taken: Sequence[Unpublished]) -> set[int]:
        published = await asyncio.gather(*(self._publish(one) for one in taken))
        return {one.id for one, confirmed in zip(taken, published, strict=True) if confirmed}

    async def _publish(self, one: Unpublished) -> bool:
        headers = cloud_event_headers(one.event_id, one.event_type, one.batch_id, one.created_at)
        if one.event_type in TERMINAL_TYPES:
            await reach(Point.B8)
        try:
            await during(Point.B4, self._publisher.publish(EVENTS, one.routing_key, one.body, headers=headers))
        except PublishFailed as error:
            log.warning("event_not_confirmed", event_id=str(one.event_id), error=str(error))
            return False
        return True
