"""BatchService.ListBatches."""

from uuid import UUID

from batch.identity import caller
from batch.store import batches
from batch.store.batches import ListFilter
from batch.store.database import Database
from batch.store.rows import BatchRow
from batch.wire import paging
from batch.wire.batches import batch_message
from batch.wire.fields import Violations
from quire.batch.v1 import batch_pb2, batch_service_pb2

ORDERS = {"": False, "create_time desc": False, "create_time asc": True}


class ListBatches:
    """Reads pages of batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.ListBatchesRequest, _: object
    ) -> batch_service_pb2.ListBatchesResponse:
        """Answer a page, newest first unless asked otherwise."""
        tenant_id = caller().tenant_id
        _check(request)
        query = paging.query_of(tenant_id, request)
        wanted = _filter(request, query)
        size = paging.page_size(request.page_size, 50)
        async with self._database.tenant(tenant_id) as tx:
            found = await batches.list_page(tx, tenant_id, wanted, size + 1)
        page = found[:size]
        return batch_service_pb2.ListBatchesResponse(
            batches=[batch_message(row) for row in page],
            next_page_token=_token(query, page[-1]) if len(found) > size else "",
        )


def _token(query: bytes, last: BatchRow) -> str:
    return paging.token(query, [last.created_at.isoformat(), str(last.id)])


def _check(request: batch_service_pb2.ListBatchesRequest) -> None:
    violations = Violations()
    violations.text("name_contains", request.name_contains, 200)
    if request.order_by not in ORDERS:
        violations.add("order_by", "must be `create_time desc` or `create_time asc`")
    violations.known("statuses", request.statuses, batch_pb2.BatchStatus.values()[1:], "known statuses")
    violations.check()


def _filter(request: batch_service_pb2.ListBatchesRequest, query: bytes) -> ListFilter:
    place = paging.place_of(request.page_token, query, paging.moment, UUID)
    return ListFilter(
        statuses=[batch_pb2.BatchStatus.Name(status).removeprefix("BATCH_STATUS_") for status in request.statuses],
        name_contains=request.name_contains,
        ascending=ORDERS[request.order_by],
        after=(place[0], place[1]) if place else None,
    )
