"""BatchService.RetryDocuments: queues final documents without a result again, without another upload."""

from collections.abc import Sequence
from uuid import UUID

from batch import ledger
from batch.domain import tiers
from batch.domain.status import FINAL_BATCH, BatchStatus
from batch.domain.tiers import Tier, TierRules
from batch.identity import caller
from batch.once import once
from batch.store import batches, moves, tenants
from batch.store.database import Database, Tx
from batch.store.rows import BatchRow
from batch.views import detailed, load, refuse_purged
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import CallReason, precondition
from chassis.failures import FailureCode
from quire.batch.v1 import batch_service_pb2

MOST = 1000


class RetryDocuments:
    """Retries documents."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: batch_service_pb2.RetryDocumentsRequest, _: object
    ) -> batch_service_pb2.RetryDocumentsResponse:
        """Answer the batch at work again."""
        batch_id, document_ids = _check(request)
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            return await once(
                tx,
                tenant_id,
                request,
                batch_service_pb2.RetryDocumentsResponse,
                lambda: self._retry(tx, tenant_id, batch_id, document_ids, request.error_codes),
            )

    async def _retry(
        self, tx: Tx, tenant_id: UUID, batch_id: UUID, document_ids: Sequence[UUID], codes: Sequence[str]
    ) -> batch_service_pb2.RetryDocumentsResponse:
        tenant = await tenants.get(tx, tenant_id, lock=True)
        assert tenant is not None  # noqa: S101 - the key's foreign key says so
        row = await load(tx, tenant_id, batch_id, lock=True)
        _check_state(row)
        if row.current in FINAL_BATCH:
            limits = tiers.limits_for(self._rules, Tier(tenant.tier), tenant.limit_overrides)
            busy = await batches.count_open(tx, tenant_id)
            refuse(tiers.admit_open(self._rules, limits, open_batches=busy), self._rules)
            await batches.reopen(tx, batch_id, deadline_seconds=row.options["deadline_seconds"])
        retried = await moves.retry(tx, batch_id, document_ids, codes)
        if retried is None:
            raise precondition(
                CallReason.DOCUMENT_NOT_OPEN, "no failed, cancelled or expired document fits; nothing to retry"
            )
        settled = await ledger.settle(tx, [retried])
        return batch_service_pb2.RetryDocumentsResponse(
            batch=(await detailed(tx, settled))[0], retried_count=retried.queued - row.queued
        )


def _check_state(row: BatchRow) -> None:
    if row.sealed_at is None:
        message = f"the batch is {row.status} and was never sealed; create another"
        raise precondition(CallReason.BATCH_NOT_SEALED, message)
    if row.current is BatchStatus.CANCELLING:
        raise precondition(CallReason.BATCH_NOT_SEALED, "the batch is being cancelled; retry once it is CANCELLED")
    refuse_purged(row)


def _check(request: batch_service_pb2.RetryDocumentsRequest) -> tuple[UUID, list[UUID]]:
    violations = Violations()
    batch_id = violations.uuid("batch_id", request.batch_id)
    ids = violations.uuids("document_ids", request.document_ids, MOST)
    violations.known("error_codes", request.error_codes, FailureCode.__members__, "codes of the error catalogue")
    violations.check()
    return batch_id, ids
