"""BatchService.GetDocument."""

from uuid import UUID

from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.wire.documents import document_message
from batch.wire.fields import Violations
from chassis.errors import not_found
from quire.batch.v1 import batch_service_pb2


class GetDocument:
    """Reads a document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.GetDocumentRequest, _: object
    ) -> batch_service_pb2.GetDocumentResponse:
        """Answer the document as it is now."""
        batch_id, document_id = _check(request)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await documents.get(tx, tenant_id, batch_id, document_id)
        if row is None:
            raise not_found("document", request.document_id)
        return batch_service_pb2.GetDocumentResponse(document=document_message(row))


def _check(request: batch_service_pb2.GetDocumentRequest) -> tuple[UUID, UUID]:
    violations = Violations()
    ids = violations.uuid("batch_id", request.batch_id), violations.uuid("document_id", request.document_id)
    violations.check()
    return ids
