"""`POST /v1/batches/{id}:seal`, `:cancel`, `:pause`, `:resume`, `:retry` and `DELETE`: what moves a batch on."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.bodies import read_model, read_optional_model
from gateway.http.caller import RequestId, TheBackend, WhoAsks
from gateway.http.inputs import CancelDocumentsInput, NothingInput, RetryInput, SealInput
from gateway.http.openapi import answers, answers_nothing, takes
from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import (
    CancelBatchRequest,
    CancelDocumentsRequest,
    CancelDocumentsResponse,
    DeleteBatchRequest,
    PauseBatchRequest,
    ResumeBatchRequest,
    RetryDocumentsRequest,
    RetryDocumentsResponse,
    SealBatchRequest,
)

router = APIRouter(tags=["batches"])


@router.post("/v1/batches/{batch_id}:seal", **answers(Batch), **takes(SealInput, idempotent=True))
async def seal_batch(batch_id: str, request: Request, caller: WhoAsks, key: RequestId, backend: TheBackend) -> Response:
    """Close a draft and queue its documents."""
    body = await read_optional_model(request, SealInput)
    wanted = SealBatchRequest(request_id=key, batch_id=batch_id, drop_incomplete=body.drop_incomplete)
    return answer((await backend.ask(backend.batch.SealBatch, wanted, caller)).batch)


@router.post("/v1/batches/{batch_id}:cancel", **answers(Batch))
async def cancel_batch(batch_id: str, request: Request, caller: WhoAsks, backend: TheBackend) -> Response:
    """Cancel a batch: waiting documents at once, running ones as soon as their worker answers."""
    await read_optional_model(request, NothingInput)
    wanted = CancelBatchRequest(batch_id=batch_id)
    return answer((await backend.ask(backend.batch.CancelBatch, wanted, caller)).batch)


@router.post(
    "/v1/batches/{batch_id}/documents:cancel", **answers(CancelDocumentsResponse), **takes(CancelDocumentsInput)
)
async def cancel_documents(batch_id: str, request: Request, caller: WhoAsks, backend: TheBackend) -> Response:
    """Cancel some documents of a batch or draft: waiting ones at once, running ones as soon as their worker answers."""
    body = await read_model(request, CancelDocumentsInput)
    wanted = CancelDocumentsRequest(batch_id=batch_id, document_ids=body.document_ids)
    return answer(await backend.ask(backend.batch.CancelDocuments, wanted, caller))


@router.post("/v1/batches/{batch_id}:pause", **answers(Batch))
async def pause_batch(batch_id: str, request: Request, caller: WhoAsks, backend: TheBackend) -> Response:
    """Start nothing more of a batch; what runs finishes, the deadline keeps running."""
    await read_optional_model(request, NothingInput)
    wanted = PauseBatchRequest(batch_id=batch_id)
    return answer((await backend.ask(backend.batch.PauseBatch, wanted, caller)).batch)


@router.post("/v1/batches/{batch_id}:resume", **answers(Batch))
async def resume_batch(batch_id: str, request: Request, caller: WhoAsks, backend: TheBackend) -> Response:
    """Go on with a paused batch."""
    await read_optional_model(request, NothingInput)
    wanted = ResumeBatchRequest(batch_id=batch_id)
    return answer((await backend.ask(backend.batch.ResumeBatch, wanted, caller)).batch)


@router.delete("/v1/batches/{batch_id}", **answers_nothing("deleted, now or before"))
async def delete_batch(batch_id: str, caller: WhoAsks, backend: TheBackend) -> Response:
    """Cancel what is open and hide the batch; contents and results are removed."""
    await backend.ask(backend.batch.DeleteBatch, DeleteBatchRequest(batch_id=batch_id), caller)
    return Response(status_code=204)


@router.post("/v1/batches/{batch_id}:retry", **answers(RetryDocumentsResponse), **takes(RetryInput, idempotent=True))
async def retry_documents(
    batch_id: str, request: Request, caller: WhoAsks, key: RequestId, backend: TheBackend
) -> Response:
    """Queue documents without a result again, without another upload."""
    body = await read_optional_model(request, RetryInput)
    wanted = RetryDocumentsRequest(
        request_id=key, batch_id=batch_id, document_ids=body.document_ids, error_codes=body.error_codes
    )
    return answer(await backend.ask(backend.batch.RetryDocuments, wanted, caller))
