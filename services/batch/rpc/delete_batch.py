"""BatchService.DeleteBatch: cancels what is open and hides the batch; its contents are purged once nothing runs."""

from batch import ledger
from batch.domain.status import FINAL_BATCH
from batch.identity import caller
from batch.store import batches
from batch.store.database import Database
from batch.wire import fields
from chassis.errors import not_found
from quire.batch.v1 import batch_service_pb2


class DeleteBatch:
    """Deletes batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.DeleteBatchRequest, _: object
    ) -> batch_service_pb2.DeleteBatchResponse:
        """Answer once it is hidden; for its owner also when it was before."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            found = await batches.lock_to_delete(tx, tenant_id, batch_id)
            if found is None:
                raise not_found("batch", request.batch_id)
            row, deleted = found
            if not deleted:
                if row.current not in FINAL_BATCH:
                    await ledger.cancel(tx, row)
                await batches.delete(tx, batch_id)
        return batch_service_pb2.DeleteBatchResponse()
