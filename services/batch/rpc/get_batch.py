"""BatchService.GetBatch."""

from batch.identity import caller
from batch.store.database import Database
from batch.views import detailed, load
from batch.wire import fields
from quire.batch.v1 import batch_service_pb2


class GetBatch:
    """Reads a batch."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.GetBatchRequest, _: object
    ) -> batch_service_pb2.GetBatchResponse:
        """Answer the batch as it is now."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id)
            return batch_service_pb2.GetBatchResponse(batch=(await detailed(tx, [row]))[0])
