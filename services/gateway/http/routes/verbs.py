"""`POST /v1/batches/{id}:seal`, `:cancel`, `:retry`: what moves a batch on."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.bodies import read_optional_model
from gateway.http.caller import RequestId, TheBackend, WhoAsks
from gateway.http.inputs import NothingInput, RetryInput, SealInput
from gateway.http.openapi import answers, takes
from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import (
    CancelBatchRequest,
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
