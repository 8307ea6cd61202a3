"""BatchService.ResumeBatch: undoes a pause; a batch that is not paused, whatever it is, is left as it is."""

from batch.identity import caller
from batch.store import holding
from batch.store.database import Database
from batch.store.holding import Hold
from batch.views import detailed, load
from batch.wire import fields
from quire.batch.v1 import batch_service_pb2


class ResumeBatch:
    """Resumes batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.ResumeBatchRequest, _: object
    ) -> batch_service_pb2.ResumeBatchResponse:
        """Answer the batch, at work again unless something else holds it."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id, lock=True)
            if Hold.PAUSED_BY_USER in row.holds:
                row = await holding.release(tx, batch_id, Hold.PAUSED_BY_USER)
            return batch_service_pb2.ResumeBatchResponse(batch=(await detailed(tx, [row]))[0])
