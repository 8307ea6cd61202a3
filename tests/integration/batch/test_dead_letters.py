"""What no consumer could read is a row that an operator sees and can send again."""

from typing import Any

import aio_pika
import grpc
import pytest
from google.protobuf.message import Message

from chassis.errors import CallReason
from chassis.topology import DEAD_LETTERS, DOCUMENT_EXTRACTED, DOCUMENT_PROGRESSED, PROGRESS, PROGRESS_FOLD, QUEUES
from quire.admin.v1.admin_service_pb2 import (
    GetQueueHealthRequest,
    ListDeadLettersRequest,
    ListDeadLettersResponse,
    ReplayDeadLettersRequest,
)
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED
from quire.events.v1.progress_pb2 import AttemptRef, DocumentExtracted, DocumentProgressed
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import Attempt
from tests.integration.batch.world import World
from tests.waiting import until


async def hold(attempt: Attempt) -> None:
    await attempt.stop_asked(60)


def unreadable(document_id: str) -> Message:
    """An event of an attempt that cannot be: attempts count from 1."""
    return DocumentProgressed(ref=AttemptRef(document_id=document_id, lease_token=an_id()))


async def bury(world: World, *bodies: bytes, message_id: str = "", headers: dict[str, Any] | None = None) -> None:
    """Put messages right into the queue of dead letters."""
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        channel = await connection.channel()
        for body in bodies:
            message = aio_pika.Message(body, message_id=message_id or an_id(), headers=headers)
            await channel.default_exchange.publish(message, DEAD_LETTERS.name)


def came_from_the_fold(routing_key: str) -> dict[str, Any]:
    death: dict[str, Any] = {"queue": PROGRESS_FOLD.name, "reason": "rejected", "exchange": PROGRESS.name}
    return {"x-death": [death | {"routing-keys": [routing_key], "count": 1}], "traceparent": "00-1-2-01"}


async def listed(world: World, **asked: Any) -> ListDeadLettersResponse:
    request = ListDeadLettersRequest(**asked)
    return await world.door.admin.ListDeadLetters(request, metadata=world.door.operator)


async def replay(world: World, *ids: str) -> int:
    request = ReplayDeadLettersRequest(ids=ids)
    return (await world.door.admin.ReplayDeadLetters(request, metadata=world.door.operator)).replayed_count


async def test_an_event_no_fold_can_read_becomes_a_letter_that_names_its_document(world: World) -> None:
    worker, document_id = await world.worker(), an_id()
    await worker.tell(DOCUMENT_PROGRESSED, unreadable(document_id))
    await world.dead_letters(1)
    (letter,) = (await listed(world)).dead_letters
    assert (letter.queue, letter.document_id) == (PROGRESS_FOLD.name, document_id)
    assert letter.reason == "rejected: document.progressed.v1: attempts count from 1"
    assert letter.HasField("dead_time")
    assert any(line["event"] == "message_dead" for line in world.service.events())


async def test_a_letter_that_is_delivered_again_stays_one_row(world: World) -> None:
    await bury(world, b"same", b"same", b"other", message_id="one")
    found = await world.dead_letters(2)
    assert [one["body"] for one in found] == [b"same", b"other"]


@pytest.mark.catalogue("Q08")
async def test_letters_of_strangers_are_kept_whatever_they_are(world: World) -> None:
    forged: list[Any] = ["nonsense", [7], [{"routing-keys": 3, "time": "now", "queue": bytearray(b"\xff\0")}], []]
    for death in forged:
        await bury(world, b"\0" * 10, headers={"x-death": death, "name\0": bytearray(b"\xff"), "deep": {"a": [1]}})
    found = await world.dead_letters(len(forged))
    assert {one["exchange"] for one in found} == {""}
    assert await replay(world, *(str(one["id"]) for one in found)) == 0


async def test_a_letter_is_sent_again_once_and_does_what_it_was_meant_to(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    worker = await world.worker(hold)
    await worker.until(lambda: len(worker.attempts) == 1)
    (attempt,) = worker.attempts
    event = DocumentExtracted(ref=attempt.ref, result_key=attempt.claim.result_key)
    await bury(world, event.SerializeToString(), headers=came_from_the_fold(DOCUMENT_EXTRACTED))
    (letter,) = await world.dead_letters(1)
    assert letter["headers"] == '{"traceparent": "00-1-2-01"}'
    assert await replay(world, str(letter["id"]), an_id()) == 1
    assert (await tenant.until_final(batch.id)).status == BATCH_STATUS_COMPLETED
    assert await replay(world, str(letter["id"])) == 0
    assert not (await listed(world)).dead_letters


async def test_a_letter_that_no_queue_takes_is_not_counted_as_sent(world: World) -> None:
    await bury(world, b"x", headers=came_from_the_fold("nothing.binds.this"))
    (letter,) = await world.dead_letters(1)
    assert await replay(world, str(letter["id"])) == 0
    assert len((await listed(world)).dead_letters) == 1


async def test_letters_are_listed_in_pages_oldest_first(world: World) -> None:
    await bury(world, b"1", b"2", b"3")
    await world.dead_letters(3)
    first = await listed(world, page_size=2)
    second = await listed(world, page_size=2, page_token=first.next_page_token)
    assert [one.body for one in (*first.dead_letters, *second.dead_letters)] == [b"1", b"2", b"3"]
    assert not second.next_page_token


async def test_a_replay_of_nothing_or_of_no_id_is_refused(world: World) -> None:
    for ids in ((), ("7",)):
        error = await refused(replay(world, *ids))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.FIELD_INVALID)


async def test_operators_see_the_health_of_every_queue(world: World) -> None:
    async def all_well() -> bool:
        answer = await world.door.admin.GetQueueHealth(GetQueueHealthRequest(), metadata=world.door.operator)
        found = {queue.name: queue for queue in answer.queues}
        assert set(found) == {queue.name for queue in QUEUES}
        return all(queue.healthy for queue in answer.queues) and found[PROGRESS_FOLD.name].consumers > 0

    await until(all_well)
