"""Public events are for everybody's eyes, or the checker says so; on a real stream."""

from collections.abc import Mapping

import aio_pika
import pytest

from chassis.topology import EVENTS
from quire.batch.v1.batch_pb2 import Batch
from quire.events.v1.batch_event_pb2 import BatchEvent
from tests.chaos.checker import stream
from tests.chaos.checker.canaries import Canaries
from tests.chaos.checker.stream import Published
from tests.chaos.records import canary_of

WORDS = Canaries({canary_of("ann"): "tenant-1", canary_of("bob"): "tenant-2"})


@pytest.mark.parametrize(
    ("text", "found"),
    [(canary_of("ann"), []), (canary_of("bob"), [("I16", "e")]), ("about mark-1", [("I28", "e")]), ("", [])],
)
def test_an_event_names_its_own_tenant_and_no_document(text: str, found: list[tuple[str, str]]) -> None:
    told = stream.violations([Published("e", "tenant-1", text)], WORDS, {"mark-1"})
    assert [(one.invariant, one.subject) for one in told] == found


async def test_the_log_of_events_is_read_from_its_beginning(servers: Mapping[str, str]) -> None:
    body = BatchEvent(tenant_id="tenant-1", batch=Batch(name="a name")).SerializeToString()
    async with await aio_pika.connect(servers["QUIRE_AMQP_URL"]) as connection:
        exchange = await (await connection.channel()).get_exchange(EVENTS.name)
        await exchange.publish(aio_pika.Message(body, headers={"cloudEvents:id": "e1"}), "v1.tenant-1.batch.x")
    notes = list[str]()
    found = [one for one in await stream.read_events(servers["QUIRE_AMQP_URL"], notes) if one.event_id == "e1"]
    assert [(one.tenant_id, "a name" in one.text) for one in found] == [("tenant-1", True)]
    assert notes == []
