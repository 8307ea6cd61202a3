"""Messages that no worker of ours would send: dead-lettered or passed over, and what stands beside them is folded."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import pytest
from aio_pika.exceptions import AMQPException, PublishError

from chassis.topology import DOCUMENT_PROGRESSED, PROGRESS
from quire.batch.v1.document_pb2 import STAGE_EXTRACT
from quire.events.v1.progress_pb2 import DocumentProgressed
from tests.cost import MEBIBYTE, tell
from tests.integration.batch.tenants import an_id
from tests.integration.batch.workers import Attempt
from tests.integration.batch.world import World

Publish = Callable[..., Awaitable[object]]


async def hold(attempt: Attempt) -> None:
    await attempt.stop_asked(60)


async def held(world: World) -> Attempt:
    """A document at work."""
    tenant = await world.tenant()
    await tenant.sealed(1)
    worker = await world.worker(hold)
    await worker.until(lambda: len(worker.attempts) == 1)
    return worker.attempts[0]


def progressed(attempt: Attempt, done: int, total: int = 10_000) -> bytes:
    told = DocumentProgressed(ref=attempt.ref, stage=STAGE_EXTRACT, pages_done=done, pages_total=total)
    return told.SerializeToString()


async def shows(world: World, attempt: Attempt, pages_done: int) -> None:
    await world.until("SELECT pages_done = $2 FROM documents WHERE id = $1", attempt.claim.document_id, pages_done)


@asynccontextmanager
async def stranger(world: World) -> AsyncGenerator[Publish]:
    """Whoever may publish to the exchange of progress."""
    connection = await aio_pika.connect(world.servers["QUIRE_AMQP_URL"])
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(PROGRESS.name)

        async def publish(body: bytes, kind: str = DOCUMENT_PROGRESSED, **properties: Any) -> object:
            return await exchange.publish(aio_pika.Message(body, **properties), kind)

        yield publish


@pytest.mark.catalogue("Q01")
async def test_messages_of_any_size_and_shape_become_letters_and_end_nothing(world: World) -> None:
    attempt = await held(world)
    bodies = [b"", b"{}", b"\xff" * 100, b"\0" * (20 * MEBIBYTE), progressed(attempt, 1)[:-1]]
    async with stranger(world) as publish:
        for body in bodies:
            await publish(body, message_id=an_id())
        await publish(progressed(attempt, 7), message_id=an_id())
    await shows(world, attempt, 7)
    letters = await world.dead_letters(len(bodies))
    assert {letter["reason"] for letter in letters} == {"rejected"}
    assert world.service.running


@pytest.mark.catalogue("Q02")
async def test_an_unknown_version_stays_with_its_sender_and_unknown_kinds_and_fields_harm_nothing(world: World) -> None:
    attempt = await held(world)
    async with stranger(world) as publish:
        with pytest.raises(PublishError):
            await publish(progressed(attempt, 9), "document.progressed.v2", message_id=an_id())
        await publish(progressed(attempt, 3), "document.admired.v1", message_id=an_id())
        await publish(progressed(attempt, 5) + b"\xfa\x7d\x03abc", message_id=an_id())
    await shows(world, attempt, 5)
    (letter,) = await world.dead_letters(1)
    assert (letter["routing_key"], letter["body"]) == ("document.admired.v1", progressed(attempt, 3))


@pytest.mark.catalogue("Q08")
async def test_headers_of_any_kind_change_nothing(world: World) -> None:
    attempt = await held(world)
    forged: list[dict[str, Any]] = [
        {"x-death": "nonsense"},
        {"x-death": [{"queue": "quire.jobs.extract", "count": 10**9, "reason": "expired"}]},
        {"traceparent": 7, "tracestate": bytearray(b"\xff\xfe")},
        {"traceparent": "00-" + "f" * 90_000},
        {f"h{number}": {"deep": [number]} for number in range(500)},
        {"x-delivery-count": -1, "CC": ["quire.dead"], "x-match": "all"},
    ]
    async with stranger(world) as publish:
        for number, headers in enumerate(forged, start=1):
            await publish(progressed(attempt, number), headers=headers, message_id=an_id())
    await shows(world, attempt, len(forged))
    assert await world.ask("SELECT count(*) FROM dead_letters") == 0


@pytest.mark.catalogue("Q09")
async def test_who_a_message_says_it_is_from_is_checked_by_the_broker_and_believed_by_nobody(world: World) -> None:
    attempt, other = await held(world), await world.tenant()
    async with stranger(world) as publish:
        await publish(progressed(attempt, 2), headers={"tenant": other.id, "tenantid": other.id}, message_id=an_id())
    await shows(world, attempt, 2)
    async with stranger(world) as publish:
        with pytest.raises(AMQPException):
            await publish(progressed(attempt, 9), user_id="somebody-else", message_id=an_id())
    assert await world.ask("SELECT pages_done FROM documents WHERE id = $1", attempt.claim.document_id) == 2


@pytest.mark.catalogue("Q10")
async def test_a_flood_of_events_about_one_document_leaves_few_rows_and_few_events(world: World) -> None:
    attempt = await held(world)
    batch_id, count = attempt.claim.batch_id, 5_000
    rows = "SELECT (SELECT count(*) FROM document_attempts) + (SELECT count(*) FROM outbox)"
    before = await world.ask(rows)
    async with stranger(world) as publish:
        for begin in range(1, count, 500):
            told = [progressed(attempt, number, count) for number in range(begin, begin + 500)]
            await asyncio.gather(*map(publish, told))
    await shows(world, attempt, count)
    sequence = await world.ask("SELECT sequence FROM batch_processes WHERE id = $1", batch_id)
    tell(f"Q10 {count} events: {sequence} events told on, {await world.ask(rows) - before} rows more")
    assert await world.ask(rows) - before < count / 100
    assert sequence < count / 100
