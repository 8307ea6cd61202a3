"""BatchService.SealBatch: closes a draft and queues its documents, every limit checked once more."""

from uuid import UUID

from batch import ledger
from batch.domain import tiers
from batch.domain.status import BatchStatus
from batch.domain.tiers import TierRules
from batch.identity import caller
from batch.once import once
from batch.store import batches, documents, moves, tenants
from batch.store.database import Database, Tx
from batch.store.rows import BatchRow
from batch.views import detailed, load
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import CallReason, precondition
from chassis.failures import FailureCode
from quire.batch.v1 import batch_service_pb2

NAMED = 20


class SealBatch:
    """Seals drafts."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: batch_service_pb2.SealBatchRequest, _: object
    ) -> batch_service_pb2.SealBatchResponse:
        """Answer the sealed batch."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        violations.check()
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            return await once(
                tx,
                tenant_id,
                request,
                batch_service_pb2.SealBatchResponse,
                lambda: self._seal(tx, tenant_id, batch_id, drop_incomplete=request.drop_incomplete),
            )

    async def _seal(
        self, tx: Tx, tenant_id: UUID, batch_id: UUID, *, drop_incomplete: bool
    ) -> batch_service_pb2.SealBatchResponse:
        await tenants.get(tx, tenant_id, lock=True)
        row = await load(tx, tenant_id, batch_id, lock=True)
        if row.current is not BatchStatus.PENDING:
            raise precondition(CallReason.BATCH_NOT_DRAFT, f"the batch is {row.status}, not a draft")
        row = await self._complete(tx, row, drop_incomplete=drop_incomplete)
        await self._admit(tx, row)
        await moves.queue_uploaded(tx, batch_id)
        await tenants.add_to_month(tx, tenant_id, row.total_documents)
        sealed = await batches.seal(
            tx,
            batch_id,
            deadline_seconds=row.options["deadline_seconds"],
            retention_days=row.limits["retention_days"],
        )
        settled = await ledger.settle(tx, [sealed])
        return batch_service_pb2.SealBatchResponse(batch=(await detailed(tx, settled))[0])

    async def _complete(self, tx: Tx, row: BatchRow, *, drop_incomplete: bool) -> BatchRow:
        if row.pending_upload and not drop_incomplete:
            names = await documents.missing_uploads(tx, row.id, NAMED)
            raise precondition(
                FailureCode.UPLOAD_INCOMPLETE,
                f"{row.pending_upload} uploads are missing; send them or seal with drop_incomplete: {', '.join(names)}",
                {"missing": str(row.pending_upload), "names": "\n".join(names)},
            )
        if row.pending_upload:
            row = await documents.drop_incomplete(tx, row.id) or row
        if not row.total_documents:
            raise precondition(CallReason.BATCH_EMPTY, "the batch holds no document; add some before sealing it")
        return row

    async def _admit(self, tx: Tx, row: BatchRow) -> None:
        limits = tiers.from_mapping(row.limits)
        refuse(tiers.admit_documents(limits, already=row.total_documents, adding=0), self._rules)
        largest = await documents.largest(tx, row.id)
        refuse(tiers.admit_size(limits, largest.name, largest.size_bytes), self._rules, field="batch_id")
        month = await tenants.month(tx, row.tenant_id)
        refusal = tiers.admit_month(limits, used=month.documents, adding=row.total_documents)
        refuse(refusal, self._rules, month.resets_at)
