import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from conftest import Stage
from test_uploads import eventually

from quire.batch.v1.batch_pb2 import BatchStatus

Event = dict[str, str]


async def events_of(answer: httpx2.Response) -> AsyncIterator[Event]:
    event: Event = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = value
        if not line and event:
            yield event
            event = {}


async def test_watching_sends_snapshots_until_the_batch_is_final(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    async with stage.http.stream("GET", f"/v1/batches/{batch_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer)
        first = await anext(events)
        assert (first["event"], first["id"]) == ("batch", "1")
        assert json.loads(first["data"])["batch"]["status"] == "PENDING"
        await stage.memory.change(batch_id, BatchStatus.BATCH_STATUS_COMPLETED)
        second = await anext(events)
        assert (second["id"], json.loads(second["data"])["batch"]["status"]) == ("2", "COMPLETED")
        assert [event["event"] async for event in events] == ["end"]


async def test_watching_resumes_behind_the_last_event(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    path = f"/v1/batches/{batch_id}/events?include_documents=true"
    async with stage.http.stream("GET", path, headers={"Last-Event-ID": "1"}) as answer:
        await eventually(lambda: stage.memory.watchers == 1)
        await stage.memory.change(batch_id, BatchStatus.BATCH_STATUS_QUEUED)
        assert (await anext(events_of(answer)))["id"] == "2"
    [asked] = stage.memory.called("WatchBatch")
    assert (asked.after_version, asked.include_documents) == (1, True)


async def test_watching_a_final_batch_to_its_end_again_tells_the_browser_to_stop(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    await stage.memory.change(batch_id, BatchStatus.BATCH_STATUS_COMPLETED)
    answer = await stage.http.get(f"/v1/batches/{batch_id}/events", headers={"Last-Event-ID": "2"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("value", ["x", "-1", "1e3", "9" * 30])
async def test_an_event_id_that_is_none_is_refused(stage: Stage, value: str) -> None:
    answer = await stage.http.get("/v1/batches/b/events", headers={"Last-Event-ID": value})
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "Last-Event-ID")


async def test_the_watch_ends_when_the_client_leaves(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    async with stage.http.stream("GET", f"/v1/batches/{batch_id}/events") as answer:
        await anext(events_of(answer))
        assert stage.memory.watchers == 1
    await eventually(lambda: stage.memory.watchers == 0)


async def test_the_watch_ends_and_readiness_turns_false_when_the_gateway_drains(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    async with stage.http.stream("GET", f"/v1/batches/{batch_id}/events") as answer:
        events = events_of(answer)
        await anext(events)
        stopping = asyncio.create_task(stage.doors.stop())
        async with asyncio.timeout(3):
            assert [event async for event in events] == []
            await stopping


async def test_answers_close_their_connections_while_the_gateway_gives_notice(stage: Stage) -> None:
    assert "Connection" not in (await stage.http.get("/v1/limits")).headers
    stage.doors.drain.begin()
    served = await stage.http.get("/v1/limits")
    assert (served.status_code, served.headers["Connection"]) == (200, "close")
    assert (await stage.http.get("/readyz")).status_code == 503
