"""`GET /v1/batches/{id}/events`: server-sent events, one per newer snapshot."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from chassis.errors import CallError, invalid
from gateway.http.caller import TheBackend, TheDrain, WhoAsks
from gateway.http.drain import Drain
from gateway.http.openapi import answers_events
from gateway.http.problems import problem_of_call
from gateway.http.shapes import dump, shape
from quire.batch.v1.batch_service_pb2 import WatchBatchRequest, WatchBatchResponse

router = APIRouter(tags=["batches"])

EVENTS = ("batch", "end", "problem")
PING_SECONDS = 15
REFUSAL_SECONDS = 1.0
"""How long the answer waits for a refusal; nothing new by then means that there is nothing to refuse."""
RECONNECT_MILLISECONDS = 2000

Snapshots = AsyncGenerator[WatchBatchResponse, None]
Reading = asyncio.Task[WatchBatchResponse | None]


@router.get(
    "/v1/batches/{batch_id}/events", **answers_events(("batch", "end", "problem"), "events `batch`, then one `end`")
)
async def watch_batch(
    batch_id: str,
    caller: WhoAsks,
    backend: TheBackend,
    drain: TheDrain,
    include_documents: bool = False,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Watch a batch. An event's id is the batch's version; Last-Event-ID resumes behind it. 204: nothing more comes."""
    request = WatchBatchRequest(
        batch_id=batch_id, after_version=_version(last_event_id), include_documents=include_documents
    )
    snapshots = backend.stream(backend.batch.WatchBatch, request, caller)
    reading = _read(snapshots)
    await asyncio.wait([reading], timeout=REFUSAL_SECONDS)
    if reading.done() and reading.result() is None:
        return Response(status_code=204)
    return EventSourceResponse(_events(reading, snapshots, drain), ping=PING_SECONDS)


async def _events(reading: Reading, snapshots: Snapshots, drain: Drain) -> AsyncIterator[ServerSentEvent]:
    draining = asyncio.create_task(drain.until_ending())
    try:
        while (snapshot := await _next(reading, draining)) is not None:
            yield _event(snapshot)
            reading = _read(snapshots)
        if not drain.ending:
            yield ServerSentEvent(event="end", data="{}")
    except CallError as error:
        yield ServerSentEvent(event="problem", data=dump(problem_of_call(error).body).decode())
    finally:
        draining.cancel()
        await _leave(reading, snapshots)


async def _next(reading: Reading, draining: asyncio.Task[None]) -> WatchBatchResponse | None:
    await asyncio.wait([reading, draining], return_when=asyncio.FIRST_COMPLETED)
    return reading.result() if reading.done() else None


def _read(snapshots: Snapshots) -> Reading:
    async def read() -> WatchBatchResponse | None:
        return await anext(snapshots, None)

    return asyncio.create_task(read())


async def _leave(reading: Reading, snapshots: Snapshots) -> None:
    reading.cancel()
    await asyncio.wait([reading])
    _ = reading.cancelled() or reading.exception()
    await snapshots.aclose()


def _event(snapshot: WatchBatchResponse) -> ServerSentEvent:
    return ServerSentEvent(
        data=dump(shape(snapshot)).decode(),
        event="batch",
        id=str(snapshot.batch.version),
        retry=RECONNECT_MILLISECONDS,
    )


def _version(last_event_id: str) -> int:
    if not last_event_id:
        return 0
    if not (last_event_id.isdecimal() and last_event_id.isascii() and len(last_event_id) <= 18):
        raise invalid({"Last-Event-ID": "must be the id of an event of this batch"})
    return int(last_event_id)
