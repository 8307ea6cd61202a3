import asyncio
from typing import TYPE_CHECKING

import pytest

from quire.batch.v1 import batch_pb2, batch_service_pb2, document_pb2
from quire_client import (
    QuireClient,
    UnavailableError,
)

if TYPE_CHECKING:
    from conftest import FakeQuire

PROMPT = "Number and total"


def snapshot(batch_id: str, version: int, status: str = "PROCESSING") -> batch_service_pb2.WatchBatchResponse:
    batch = batch_pb2.Batch(id=batch_id, version=version, status=batch_pb2.BatchStatus.Value(f"BATCH_STATUS_{status}"))
    return batch_service_pb2.WatchBatchResponse(batch=batch)


async def start_later(server: "FakeQuire") -> None:
    await asyncio.sleep(0.5)
    await server.start()


async def test_watch_ends_when_the_batch_is_final(server: "FakeQuire", quire: QuireClient) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.snapshots[batch.id] = [snapshot(batch.id, 1), snapshot(batch.id, 2, "COMPLETED")]

    assert [seen.batch.version async for seen in quire.watch(batch.id)] == [1, 2]


async def test_watch_goes_on_from_the_last_version_when_the_server_went_away(
    server: "FakeQuire", quire: QuireClient
) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.snapshots[batch.id] = [snapshot(batch.id, 9), snapshot(batch.id, 10), snapshot(batch.id, 11, "FAILED")]
    versions: list[int] = []
    restarts: list[asyncio.Task[None]] = []

    async for seen in quire.watch(batch.id):
        versions.append(seen.batch.version)
        if versions == [9, 10]:
            await server.stop()
            server.more.set()
            restarts.append(asyncio.create_task(start_later(server)))

    assert versions == [9, 10, 11]
    assert [request.after_version for request in server.of_type(batch_service_pb2.WatchBatchRequest)] == [0, 10]


async def test_watch_asks_again_when_a_stream_ends_before_the_batch(server: "FakeQuire", quire: QuireClient) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.snapshots[batch.id] = [snapshot(batch.id, 1)]
    versions: list[int] = []

    async for seen in quire.watch(batch.id):
        versions.append(seen.batch.version)
        server.snapshots[batch.id].append(snapshot(batch.id, len(versions) + 1, "COMPLETED"))
        server.snapshots[batch.id] = server.snapshots[batch.id][:2]

    assert versions == [1, 2]


async def test_watch_resumes_before_documents_without_a_batch_when_the_stream_breaks_among_them(
    server: "FakeQuire", quire: QuireClient
) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    page = batch_service_pb2.WatchBatchResponse(documents=[document_pb2.Document(id="d1")])
    server.snapshots[batch.id] = [snapshot(batch.id, 1), page]
    seen: list[int] = []

    async for answer in quire.watch(batch.id, include_documents=True):
        seen.append(answer.batch.version)
        if not answer.HasField("batch"):
            server.snapshots[batch.id] = [snapshot(batch.id, 2, "COMPLETED")]

    assert seen == [1, 0, 2]
    assert [request.after_version for request in server.of_type(batch_service_pb2.WatchBatchRequest)] == [0, 1]


async def test_watch_ends_at_once_when_the_final_version_was_seen_before(
    server: "FakeQuire", quire: QuireClient
) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    server.batches[batch.id].MergeFrom(snapshot(batch.id, 7, "COMPLETED").batch)

    assert [seen async for seen in quire.watch(batch.id, after_version=7)] == []


async def test_watch_gives_up_when_nobody_ever_answers() -> None:
    async with QuireClient("127.0.0.1:1", "key", retry_for=0.3) as quire:
        with pytest.raises(UnavailableError):
            await anext(quire.watch("some-batch"))


async def test_results_are_parsed_and_go_on_behind_the_last_when_the_stream_breaks(
    server: "FakeQuire", quire: QuireClient, extracted: bytes
) -> None:
    batch = await quire.create_batch(prompt=PROMPT)
    error = document_pb2.Error(code="PDF_ENCRYPTED", message="it is encrypted")
    server.results = [
        document_pb2.DocumentResult(
            document_name=name, position=position, status=document_pb2.DOCUMENT_STATUS_SUCCEEDED, result_json=extracted
        )
        for position, name in enumerate(("a.txt", "b.txt"), 1)
    ]
    server.results.append(
        document_pb2.DocumentResult(
            document_name="c.pdf", position=3, status=document_pb2.DOCUMENT_STATUS_FAILED, error=error
        )
    )
    server.results_before_break = 1

    results = [result async for result in quire.results(batch.id, include_errors=True)]

    assert [result.name for result in results] == ["a.txt", "b.txt", "c.pdf"]
    assert results[0].values["total"] == 12.5
    assert results[0].ungrounded == ("note",)
    assert results[2].error == error
    assert results[2].status == "FAILED"
