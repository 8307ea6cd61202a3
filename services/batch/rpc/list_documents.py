"""BatchService.ListDocuments."""

from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.store.documents import ListFilter
from batch.views import load
from batch.wire import paging
from batch.wire.documents import document_message
from batch.wire.fields import Violations
from chassis.failures import FailureCode
from quire.batch.v1 import batch_service_pb2, document_pb2


class ListDocuments:
    """Reads pages of documents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.ListDocumentsRequest, _: object
    ) -> batch_service_pb2.ListDocumentsResponse:
        """Answer a page in the order announced."""
        tenant_id = caller().tenant_id
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        query = paging.query_of(tenant_id, request)
        wanted = _filter(violations, request, query)
        size = paging.page_size(request.page_size, 100)
        async with self._database.tenant(tenant_id) as tx:
            await load(tx, tenant_id, batch_id)
            found = await documents.list_page(tx, batch_id, wanted, size + 1)
        page = found[:size]
        return batch_service_pb2.ListDocumentsResponse(
            documents=[document_message(row) for row in page],
            next_page_token=paging.token(query, [page[-1].position]) if len(found) > size else "",
        )


def _filter(violations: Violations, request: batch_service_pb2.ListDocumentsRequest, query: bytes) -> ListFilter:
    violations.known("statuses", request.statuses, document_pb2.DocumentStatus.values()[1:], "known statuses")
    violations.known("error_codes", request.error_codes, FailureCode.__members__, "codes of the error catalogue")
    violations.check()
    place = paging.place_of(request.page_token, query, paging.number)
    return ListFilter(
        statuses=[
            document_pb2.DocumentStatus.Name(status).removeprefix("DOCUMENT_STATUS_") for status in request.statuses
        ],
        error_codes=list(request.error_codes),
        after_position=place[0] if place else 0,
    )
