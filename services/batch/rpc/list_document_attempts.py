"""BatchService.ListDocumentAttempts: the timeline of a document."""

from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.wire import paging
from batch.wire.documents import attempt_message
from batch.wire.fields import Violations
from chassis.errors import not_found
from quire.batch.v1 import batch_service_pb2


class ListDocumentAttempts:
    """Reads pages of attempts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.ListDocumentAttemptsRequest, _: object
    ) -> batch_service_pb2.ListDocumentAttemptsResponse:
        """Answer a page, oldest attempt first."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        document_id = violations.uuid("document_id", request.document_id)
        violations.check()
        tenant_id = caller().tenant_id
        query = paging.query_of(tenant_id, request)
        place = paging.place_of(request.page_token, query, paging.number)
        size = paging.page_size(request.page_size, 100)
        async with self._database.tenant(tenant_id) as tx:
            if await documents.get(tx, tenant_id, batch_id, document_id) is None:
                raise not_found("document", request.document_id)
            found = await documents.attempts(tx, document_id, place[0] if place else 0, size + 1)
        page = found[:size]
        return batch_service_pb2.ListDocumentAttemptsResponse(
            attempts=[attempt_message(one) for one in page],
            next_page_token=paging.token(query, [page[-1]["attempt"]]) if len(found) > size else "",
        )
