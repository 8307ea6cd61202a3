"""The dead letters' door: writes what no consumer could read into rows, then acks (ADR 8)."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

from aio_pika.abc import AbstractIncomingMessage
from uuid_utils.compat import uuid7

from batch.rounds import keep_going
from batch.store import dead_letters
from batch.store.database import Database
from batch.store.dead_letters import NewDeadLetter
from batch.wire.dead_letters import Letter, read
from chassis.amqp import BROKEN, PUBLISH_DEADLINE
from chassis.logs import get_logger

log = get_logger()

PREFETCH = 100


class DeadLetters:
    """Keeps letters in the order they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._delivered: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._held: list[AbstractIncomingMessage] = []

    async def on_delivery(self, message: AbstractIncomingMessage) -> None:
        """Take a delivery; the round that writes it acks it."""
        self._delivered.put_nowait(message)

    async def run(self) -> None:
        """Keep letters for ever."""
        await keep_going("dead", self.round)

    async def round(self) -> float:
        """Write what has come and ack it; a round that fails holds it for the next."""
        if not self._held:
            self._held.append(await self._delivered.get())
        while len(self._held) < PREFETCH and not self._delivered.empty():
            self._held.append(self._delivered.get_nowait())
        letters = [read(_letter(message), uuid7(), datetime.now(UTC)) for message in self._held]
        async with self._database.engine() as tx:
            fresh = [letter for letter in letters if await dead_letters.add(tx, letter)]
        for letter in fresh:
            _sound_alarm(letter)
        for message in self._held:
            await _ack(message)
        self._held = []
        return 0.0


def _letter(message: AbstractIncomingMessage) -> Letter:
    return Letter(message.message_id or "", message.routing_key or "", message.headers, message.body)


def _sound_alarm(letter: NewDeadLetter) -> None:
    log.error(
        "message_dead",
        dead_letter_id=str(letter.id),
        queue=letter.queue,
        reason=letter.reason,
        document_id=str(letter.document_id or ""),
        explanation=letter.explanation,
    )


async def _ack(message: AbstractIncomingMessage) -> None:
    # On a link that is gone the broker delivers it again, and its row is known.
    with suppress(*BROKEN):
        async with asyncio.timeout(PUBLISH_DEADLINE):
            await message.ack()
