"""Queues are empty and dead letters explained, or the checker says so; on a real broker."""

from collections.abc import AsyncIterator

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from chassis.topology import DEAD, DEAD_LETTERS, DOCUMENT_FAILED, EXTRACT_JOB, JOBS_EXTRACT, PROGRESS_FOLD
from quire.events.v1.progress_pb2 import AttemptRef, DocumentFailed
from quire.jobs.v1.jobs_pb2 import ExtractDocument
from tests.chaos.checker import broker
from tests.chaos.checker.broker import DeadLetter, QueueState
from tests.chaos.checker.facts import DocumentFact, Facts
from tests.chaos.checker.ground import Ground
from tests.chaos.records import FaultLog
from tests.contract.chaos_checker.finished_run import fault
from tests.integration.batch.processes import free_address

FINAL = DocumentFact("1", "b", "t", "SUCCEEDED")
OPEN = DocumentFact("2", "b", "t", "QUEUED")
FACTS = Facts(documents={"1": FINAL, "2": OPEN})


def a_job(document_id: str) -> DeadLetter:
    body = ExtractDocument(tenant_id="t", batch_id="b", document_id=document_id, dispatch_id="d")
    return DeadLetter(EXTRACT_JOB, body.SerializeToString())


def an_event(document_id: str) -> DeadLetter:
    return DeadLetter(DOCUMENT_FAILED, DocumentFailed(ref=AttemptRef(document_id=document_id)).SerializeToString())


GARBAGE = DeadLetter(EXTRACT_JOB, b"\xff\xff")


def told(*letters: DeadLetter, faults: FaultLog | None = None) -> list[tuple[str, str]]:
    found = broker.dead_letter_violations(letters, FACTS, faults or FaultLog())
    return [(one.invariant, one.subject) for one in found]


def test_a_dead_letter_of_a_final_document_is_explained() -> None:
    assert told(a_job("1"), an_event("1")) == []


def test_a_dead_letter_of_an_open_document_is_told_of() -> None:
    assert told(a_job("2"), an_event("2")) == [("I19", "2"), ("I19", "2")]


def test_a_dead_letter_of_no_document_is_told_of() -> None:
    assert told(an_event("9")) == [("I19", "9")]


def test_garbage_is_told_of_unless_a_fault_published_it() -> None:
    assert told(GARBAGE, DeadLetter("", b"x")) == [("I19", EXTRACT_JOB), ("I19", "")]
    assert told(GARBAGE, faults=FaultLog([fault("garbage_published", 1.0, 1.0)])) == []


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (QueueState("q", 0, 1, 0), 0),
        (QueueState("q", 0, 1), 0),
        (QueueState("q", 1, 1, 0), 1),
        (QueueState("q", 0, 1, 2), 1),
        (QueueState("q", 0, 0, 0), 1),
    ],
)
def test_a_queue_that_is_not_empty_or_not_consumed_is_told_of(state: QueueState, found: int) -> None:
    found_here = [(one.invariant, one.subject) for one in broker.queue_violations([state], {"q": 1})]
    assert found_here == [("I18", "q")] * found


@pytest.fixture
async def channel(ground: Ground) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(ground.amqp_url) as connection:
        channel = await connection.channel()
        yield channel
        for queue in (JOBS_EXTRACT, PROGRESS_FOLD, DEAD_LETTERS):
            await (await channel.get_queue(queue.name)).purge()


async def test_an_empty_broker_is_not_told_of(ground: Ground, channel: AbstractChannel) -> None:
    assert channel
    assert await broker.violations(ground, FACTS, FaultLog()) == []
    assert ground.notes == ["I18: unacked messages not looked at: no rabbitmqctl"]


async def test_what_is_left_on_a_broker_is_told_of_and_stays(ground: Ground, channel: AbstractChannel) -> None:
    job, letter = aio_pika.Message(b"job"), a_job("2")
    dead = await channel.get_exchange(DEAD.name)
    await channel.default_exchange.publish(job, JOBS_EXTRACT.name)
    await dead.publish(aio_pika.Message(letter.body, type=letter.kind), "")
    ground.consumers = {PROGRESS_FOLD.name: 1}
    for _ in range(2):
        found = await broker.violations(ground, FACTS, FaultLog())
        assert [(one.invariant, one.subject) for one in found] == [
            ("I18", JOBS_EXTRACT.name),
            ("I18", PROGRESS_FOLD.name),
            ("I19", "2"),
        ]


async def test_a_broker_that_does_not_answer_is_told_of(ground: Ground) -> None:
    ground.amqp_url = f"amqp://nobody@{free_address()}/"
    found = await broker.violations(ground, FACTS, FaultLog())
    assert [(one.invariant, one.subject) for one in found] == [("I18", "broker")]


async def test_unacked_messages_are_asked_of_rabbitmqctl(ground: Ground, channel: AbstractChannel) -> None:
    assert channel
    answer = f'[{{"name": "{JOBS_EXTRACT.name}", "messages_unacknowledged": 3}}]'
    ground.rabbitmqctl = ("/bin/sh", "-c", f"echo '{answer}'", "rabbitmqctl")
    found = await broker.violations(ground, FACTS, FaultLog())
    assert [(one.subject, one.detail) for one in found] == [(JOBS_EXTRACT.name, "0 ready, 3 unacked")]
