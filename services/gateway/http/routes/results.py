"""`GET /v1/batches/{id}/results`: results as JSON Lines, while the batch runs and after."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from gateway.http.caller import TheBackend, WhoAsks
from gateway.http.openapi import answers_lines
from gateway.http.shapes import dump, shape
from quire.batch.v1.batch_service_pb2 import StreamResultsRequest, StreamResultsResponse
from quire.batch.v1.document_pb2 import DocumentResult

router = APIRouter(tags=["results"])

MEDIA_TYPE = "application/x-ndjson"


@router.get("/v1/batches/{batch_id}/results", **answers_lines(DocumentResult, MEDIA_TYPE, "one result a line"))
async def stream_results(
    batch_id: str,
    caller: WhoAsks,
    backend: TheBackend,
    include_errors: bool = False,
    after_position: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """Stream the results there are now, one JSON object a line. An answer without its last chunk is incomplete."""
    request = StreamResultsRequest(batch_id=batch_id, after_position=after_position, include_errors=include_errors)
    results = backend.stream(backend.batch.StreamResults, request, caller)
    first = await anext(results, None)  # a refusal must come before the status line
    return StreamingResponse(_lines(first, results), media_type=MEDIA_TYPE)


async def _lines(
    first: StreamResultsResponse | None, rest: AsyncIterator[StreamResultsResponse]
) -> AsyncIterator[bytes]:
    if first is None:
        return
    yield _line(first)
    async for response in rest:
        yield _line(response)


def _line(response: StreamResultsResponse) -> bytes:
    return dump(shape(response.result)) + b"\n"
