"""The broker once everything is quiet (I18, I19)."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPException
from google.protobuf.message import DecodeError

from chassis.topology import DEAD_LETTERS, JOBS_EXTRACT, PROGRESS_FOLD
from quire.events.v1 import progress_pb2
from quire.jobs.v1 import jobs_pb2
from tests.chaos.checker.facts import Facts
from tests.chaos.checker.ground import Ground
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import FaultLog, Violation

WORKED = (JOBS_EXTRACT.name, PROGRESS_FOLD.name)
ASK_SECONDS = 30.0
GARBAGE = "garbage"
"""Stands in the name of a fault that publishes what nobody can read."""
_BODIES = {
    JOBS_EXTRACT.binding: jobs_pb2.ExtractDocument,
    "document.progressed.v1": progress_pb2.DocumentProgressed,
    "document.extracted.v1": progress_pb2.DocumentExtracted,
    "document.failed.v1": progress_pb2.DocumentFailed,
    "document.released.v1": progress_pb2.DocumentReleased,
}


@dataclass(frozen=True)
class QueueState:
    """What a queue holds."""

    name: str
    ready: int
    consumers: int
    unacked: int | None = None
    """None when it could not be asked."""


@dataclass(frozen=True)
class DeadLetter:
    """What no consumer could read."""

    kind: str
    body: bytes


async def violations(ground: Ground, facts: Facts, faults: FaultLog) -> list[Violation]:
    """Everything left in a queue, and every dead letter without an explanation."""
    try:
        async with asyncio.timeout(ASK_SECONDS), await aio_pika.connect(ground.amqp_url) as connection:
            states = [await _state(await connection.channel(), name) for name in WORKED]
            letters = await _dead_letters(await connection.channel())
    except (AMQPException, OSError, TimeoutError) as error:
        return [Violation("I18", OTHER, "broker", f"it does not answer: {error!r}")]
    states = await _with_unacked(ground, states)
    return [*queue_violations(states, ground.consumers), *dead_letter_violations(letters, facts, faults)]


def queue_violations(states: Sequence[QueueState], consumers: Mapping[str, int]) -> Iterator[Violation]:
    """I18."""
    for state in states:
        if state.ready or state.unacked:
            yield Violation("I18", OTHER, state.name, f"{state.ready} ready, {state.unacked or 0} unacked")
        if state.consumers != consumers.get(state.name, state.consumers):
            yield Violation("I18", OTHER, state.name, f"{state.consumers} consumers, not {consumers[state.name]}")


def dead_letter_violations(letters: Sequence[DeadLetter], facts: Facts, faults: FaultLog) -> Iterator[Violation]:
    """I19."""
    garbage = any(GARBAGE in fault.name for fault in faults.faults)
    for letter in letters:
        document_id = document_of(letter)
        row = facts.documents.get(document_id)
        if not document_id and not garbage:
            yield Violation("I19", OTHER, letter.kind, f"nobody sent {letter.body[:32]!r}")
        elif document_id and not garbage and row is None:
            yield Violation("I19", OTHER, document_id, f"a dead {letter.kind} names a document that is not there")
        elif row is not None and not row.final:
            yield Violation("I19", OTHER, document_id, f"a {letter.kind} died and its document is {row.status}")


def document_of(letter: DeadLetter) -> str:
    """The document a dead letter speaks of; empty for garbage."""
    kind = _BODIES.get(letter.kind)
    try:
        message = kind.FromString(letter.body) if kind else None
    except DecodeError:
        return ""
    if isinstance(message, jobs_pb2.ExtractDocument):
        return message.document_id
    return message.ref.document_id if message else ""


async def _state(channel: AbstractChannel, name: str) -> QueueState:
    declared = (await channel.declare_queue(name, passive=True)).declaration_result
    return QueueState(name, declared.message_count or 0, declared.consumer_count or 0)


async def _dead_letters(channel: AbstractChannel) -> list[DeadLetter]:
    """Look at all of them; unacked, they are there again once the connection is closed."""
    queue, found = await channel.get_queue(DEAD_LETTERS.name), list[DeadLetter]()
    while (message := await queue.get(fail=False)) is not None:
        found.append(DeadLetter(message.type or message.routing_key or "", message.body))
    return found


async def _with_unacked(ground: Ground, states: Sequence[QueueState]) -> list[QueueState]:
    if not ground.rabbitmqctl:
        ground.notes.append("I18: unacked messages not looked at: no rabbitmqctl")
        return list(states)
    words = ("list_queues", "--silent", "--formatter", "json", "name", "messages_unacknowledged")
    running = await asyncio.create_subprocess_exec(
        *ground.rabbitmqctl, *words, env={**os.environ, **ground.rabbitmqctl_environ}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(running.communicate(), ASK_SECONDS)
    unacked: dict[str, int] = {one["name"]: one["messages_unacknowledged"] for one in json.loads(out)}
    return [QueueState(one.name, one.ready, one.consumers, unacked.get(one.name)) for one in states]
