"""BatchService.PauseBatch: nothing of the batch is claimed any more; what runs finishes, the deadline keeps running."""

from batch.domain.status import FINAL_BATCH, BatchStatus
from batch.identity import caller
from batch.store import holding
from batch.store.database import Database
from batch.store.holding import Hold
from batch.store.rows import BatchRow
from batch.views import detailed, load
from batch.wire import fields
from chassis.errors import CallReason, precondition
from quire.batch.v1 import batch_service_pb2


class PauseBatch:
    """Pauses batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.PauseBatchRequest, _: object
    ) -> batch_service_pb2.PauseBatchResponse:
        """Answer the paused batch."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            row = await load(tx, tenant_id, batch_id, lock=True)
            _check(row)
            if Hold.PAUSED_BY_USER not in row.holds:
                row = await holding.hold(tx, batch_id, Hold.PAUSED_BY_USER)
            return batch_service_pb2.PauseBatchResponse(batch=(await detailed(tx, [row]))[0])


def _check(row: BatchRow) -> None:
    if row.current is BatchStatus.PENDING:
        raise precondition(CallReason.BATCH_NOT_SEALED, "the batch is a draft, nothing of it runs; seal it before")
    if row.current in FINAL_BATCH or row.current is BatchStatus.CANCELLING:
        raise precondition(CallReason.BATCH_NOT_OPEN, f"the batch is {row.status}: nothing of it waits any more")
