"""BatchService.RemoveDocument: takes a document out of a draft."""

from batch.domain.status import BatchStatus
from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.views import detailed, load
from batch.wire.fields import Violations
from chassis.errors import CallReason, not_found, precondition
from quire.batch.v1 import batch_service_pb2


class RemoveDocument:
    """Removes documents; their objects are collected like those of lost uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.RemoveDocumentRequest, _: object
    ) -> batch_service_pb2.RemoveDocumentResponse:
        """Answer the draft without the document."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        document_id = violations.uuid("document_id", request.document_id)
        violations.check()
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id, lock=True)
            if row.current is not BatchStatus.PENDING:
                raise precondition(
                    CallReason.BATCH_NOT_DRAFT, f"the batch is {row.status}; cancel the document instead"
                )
            changed = await documents.remove(tx, batch_id, document_id)
            if changed is None:
                raise not_found("document", request.document_id)
            return batch_service_pb2.RemoveDocumentResponse(batch=(await detailed(tx, [changed]))[0])
