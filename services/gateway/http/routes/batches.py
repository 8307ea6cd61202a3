"""`/v1/batches`: create, list, read."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.bodies import read_model
from gateway.http.caller import RequestId, TheBackend, WhoAsks
from gateway.http.enums import numbers_of
from gateway.http.inputs import BatchInput
from gateway.http.openapi import answers, takes
from gateway.http.paging import PageSize
from quire.batch.v1.batch_pb2 import Batch, BatchStatus
from quire.batch.v1.batch_service_pb2 import GetBatchRequest, ListBatchesRequest, ListBatchesResponse

router = APIRouter(tags=["batches"])


@router.post("/v1/batches", **answers(Batch, 201), **takes(BatchInput, idempotent=True))
async def create_batch(request: Request, caller: WhoAsks, key: RequestId, backend: TheBackend) -> Response:
    """Create a draft batch. With the same Idempotency-Key and body the first batch is answered again."""
    wanted = (await read_model(request, BatchInput)).message(key)
    created = await backend.ask(backend.batch.CreateBatch, wanted, caller)
    return answer(created.batch, 201, {"Location": f"/v1/batches/{created.batch.id}"})


@router.get("/v1/batches", **answers(ListBatchesResponse))
async def list_batches(
    caller: WhoAsks,
    backend: TheBackend,
    status: Annotated[list[str] | None, Query()] = None,
    name_contains: str = "",
    order_by: str = "",
    page_size: PageSize = 0,
    page_token: str = "",
) -> Response:
    """List batches, newest first. `status` may be given several times."""
    request = ListBatchesRequest(
        page_size=page_size,
        page_token=page_token,
        statuses=numbers_of(BatchStatus.DESCRIPTOR, "status", status),
        name_contains=name_contains,
        order_by=order_by,
    )
    return answer(await backend.ask(backend.batch.ListBatches, request, caller))


@router.get("/v1/batches/{batch_id}", **answers(Batch))
async def get_batch(batch_id: str, caller: WhoAsks, backend: TheBackend) -> Response:
    """Read one batch."""
    found = await backend.ask(backend.batch.GetBatch, GetBatchRequest(batch_id=batch_id), caller)
    return answer(found.batch)
