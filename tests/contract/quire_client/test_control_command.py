"""`quire pause`, `resume`, `delete` and `cancel --document`: what they ask and what they say."""

from typing import TYPE_CHECKING

from chassis.errors import CallReason, precondition
from quire.batch.v1 import batch_service_pb2 as calls
from quire_client import QuireClient

if TYPE_CHECKING:
    from conftest import FakeQuire, Run


async def a_batch(quire: QuireClient) -> str:
    return (await quire.create_batch(prompt="Number and total")).id


async def test_pause_and_resume_say_what_holds_the_batch(quire: QuireClient, run: "Run") -> None:
    identifier = await a_batch(quire)

    paused = await run("pause", "last")
    held = await run("pause", identifier, "--json")
    resumed = await run("resume", identifier)

    assert f"Batch {identifier} is paused, 0 documents still running." in paused.out
    assert "PAUSED_BY_USER" in held.json["hold_reasons"]
    assert resumed.out.strip() == f"Batch {identifier} goes on."


async def test_pause_says_the_way_out_when_the_batch_is_over(
    server: "FakeQuire", quire: QuireClient, run: "Run"
) -> None:
    server.failing["PauseBatchRequest"] = [precondition(CallReason.BATCH_NOT_OPEN, "the batch is COMPLETED")]

    ended = await run("pause", await a_batch(quire))

    assert ended.code == 4
    assert "quire retry" in ended.err


async def test_delete_makes_the_batch_go_away(quire: QuireClient, run: "Run") -> None:
    first, second = await a_batch(quire), await a_batch(quire)

    assert (await run("delete", first)).out.strip() == f"Batch {first} is deleted."
    assert (await run("delete", second, "--json")).json == {"id": second, "deleted": True}
    assert (await run("show", first)).code == 3


async def test_cancel_sends_the_documents_named(server: "FakeQuire", quire: QuireClient, run: "Run") -> None:
    identifier = await a_batch(quire)

    told = await run("cancel", identifier, "--document", "d1", "--document", "d2")
    json = await run("cancel", identifier, "--document", "d3", "--json")

    assert told.out.startswith("2 documents of batch")
    assert json.json["cancelled_count"] == 1
    asked = server.of_type(calls.CancelDocumentsRequest)
    assert [list(one.document_ids) for one in asked] == [["d1", "d2"], ["d3"]]
    assert server.of_type(calls.CancelBatchRequest) == []
