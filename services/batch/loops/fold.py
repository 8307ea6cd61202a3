"""The fold's door: drains many progress deliveries into one set-based transaction, then acks (DESIGN §3.6, §3.8)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy.exc import DBAPIError

from batch.domain.events import Event
from batch.ledger import EventRefused, fold_events
from batch.store.database import Database, is_transient
from batch.wire import progress
from chassis.amqp import BROKEN, PUBLISH_DEADLINE
from chassis.failpoints import Point, reach
from chassis.logs import get_logger

log = get_logger()

LARGEST_SET = 500
PREFETCH = 2 * LARGEST_SET
AWAY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    message: AbstractIncomingMessage
    event: Event


class Fold:
    """Folds deliveries in the order they came."""

    def __init__(self, database: Database, bell: asyncio.Event) -> None:
        self._database = database
        self._bell = bell
        self._delivered: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def on_delivery(self, message: AbstractIncomingMessage) -> None:
        """Take a delivery; the set it belongs to acks it."""
        self._delivered.put_nowait(message)

    async def run(self) -> None:
        """Fold for ever."""
        while True:
            messages = [await self._delivered.get()]
            while len(messages) < LARGEST_SET and not self._delivered.empty():
                messages.append(self._delivered.get_nowait())
            await self._fold([one for message in messages if (one := await _read(message)) is not None])

    async def _fold(self, deliveries: Sequence[_Delivery]) -> None:
        try:
            await self._commit(deliveries)
        except (DBAPIError, EventRefused) as error:
            await self._one_by_one(deliveries, error)
        else:
            self._bell.set()
            await reach(Point.B7)
            await _ack(deliveries)

    async def _commit(self, deliveries: Sequence[_Delivery]) -> None:
        """Fold a set and commit it, waiting for as long as the database is away."""
        if not deliveries:
            return
        while True:
            try:
                async with self._database.engine() as tx:
                    await fold_events(tx, [one.event for one in deliveries])
                    await reach(Point.B6)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("fold_postponed", count=len(deliveries), error=repr(error))
                await asyncio.sleep(AWAY_SECONDS)
            else:
                return

    async def _one_by_one(self, deliveries: Sequence[_Delivery], fault: Exception) -> None:
        """Replay a set that was refused, so that only the culprit is dead-lettered."""
        log.warning("fold_set_refused", count=len(deliveries), error=repr(fault))
        for one in deliveries:
            try:
                await self._commit([one])
            except (DBAPIError, EventRefused) as error:
                log.exception("event_refused", document=str(one.event.ref.document_id), exc_info=error)
                await _reject(one.message)
            else:
                await _ack([one])


async def _read(message: AbstractIncomingMessage) -> _Delivery | None:
    try:
        return _Delivery(message, progress.read(message.routing_key or "", message.body))
    except progress.Unreadable as error:
        log.warning("event_unreadable", error=str(error))
        await _reject(message)
        return None


async def _ack(deliveries: Sequence[_Delivery]) -> None:
    """Ack a set with one word; on a connection that is gone the broker delivers it again and the fold drops it.

    A subscription hands deliveries over in the order of their tags and sets are folded in that order, so whatever came
    before the last of a set has been settled. After a reconnect a set may hold deliveries of two subscriptions.
    """
    last = {one.message.consumer_tag: one.message for one in deliveries}
    for message in last.values():
        try:
            async with asyncio.timeout(PUBLISH_DEADLINE):
                await message.ack(multiple=True)
        except BROKEN as error:
            log.warning("ack_failed", error=repr(error))


async def _reject(message: AbstractIncomingMessage) -> None:
    try:
        async with asyncio.timeout(PUBLISH_DEADLINE):
            await message.reject(requeue=False)
    except BROKEN as error:
        log.warning("reject_failed", error=repr(error))
