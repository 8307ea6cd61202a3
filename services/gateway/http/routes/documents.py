"""`GET /v1/batches/{id}/documents`: list and read."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.caller import TheBackend, WhoAsks
from gateway.http.enums import numbers_of
from gateway.http.openapi import answers
from gateway.http.paging import PageSize
from quire.batch.v1.batch_service_pb2 import GetDocumentRequest, ListDocumentsRequest, ListDocumentsResponse
from quire.batch.v1.document_pb2 import Document, DocumentStatus

router = APIRouter(tags=["documents"])


@router.get("/v1/batches/{batch_id}/documents", **answers(ListDocumentsResponse))
async def list_documents(
    batch_id: str,
    caller: WhoAsks,
    backend: TheBackend,
    status: Annotated[list[str] | None, Query()] = None,
    error_code: Annotated[list[str] | None, Query()] = None,
    page_size: PageSize = 0,
    page_token: str = "",
) -> Response:
    """List the documents of a batch in the order announced. `status` and `error_code` may be given several times."""
    request = ListDocumentsRequest(
        batch_id=batch_id,
        page_size=page_size,
        page_token=page_token,
        statuses=numbers_of(DocumentStatus.DESCRIPTOR, "status", status),
        error_codes=error_code or [],
    )
    return answer(await backend.ask(backend.batch.ListDocuments, request, caller))


@router.get("/v1/batches/{batch_id}/documents/{document_id}", **answers(Document))
async def get_document(batch_id: str, document_id: str, caller: WhoAsks, backend: TheBackend) -> Response:
    """Read one document."""
    request = GetDocumentRequest(batch_id=batch_id, document_id=document_id)
    return answer((await backend.ask(backend.batch.GetDocument, request, caller)).document)
