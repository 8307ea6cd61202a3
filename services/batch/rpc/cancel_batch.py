"""BatchService.CancelBatch: waiting documents at once, running ones as soon as their worker answers."""

from batch import ledger
from batch.domain.status import FINAL_BATCH
from batch.identity import caller
from batch.store.database import Database
from batch.views import detailed, load
from batch.wire import fields
from quire.batch.v1 import batch_service_pb2


class CancelBatch:
    """Cancels batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.CancelBatchRequest, _: object
    ) -> batch_service_pb2.CancelBatchResponse:
        """Answer the batch, CANCELLED already when nothing ran."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id, lock=True)
            if row.current not in FINAL_BATCH:
                row = await ledger.cancel(tx, row)
            return batch_service_pb2.CancelBatchResponse(batch=(await detailed(tx, [row]))[0])
