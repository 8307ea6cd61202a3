"""Batches and use of limits as they are read: rows with what is derived from other rows."""

from collections.abc import Sequence
from uuid import UUID

from batch.domain.status import FINAL_BATCH
from batch.store import batches, dispatching, tenants, usage
from batch.store.database import Tx
from batch.store.rows import BatchRow, ErrorGroupRow
from batch.wire.batches import batch_message
from batch.wire.moments import timestamp
from chassis.errors import CallReason, not_found, precondition
from quire.batch.v1 import batch_pb2, limits_pb2


async def load(tx: Tx, tenant_id: UUID, batch_id: UUID, *, lock: bool = False) -> BatchRow:
    """Read a tenant's batch, locked if it is to be changed. Raises NOT_FOUND."""
    read = batches.lock if lock else batches.get
    found = await read(tx, tenant_id, batch_id)
    if found is None:
        raise not_found("batch", str(batch_id))
    return found


def refuse_purged(row: BatchRow) -> None:
    """Raise FAILED_PRECONDITION, BATCH_PURGED for a batch whose contents are removed."""
    if row.purged_at is not None:
        message = f"contents and results of the batch were removed at {row.purged_at:%Y-%m-%dT%H:%M:%SZ}"
        raise precondition(CallReason.BATCH_PURGED, f"{message}; create another with the files at hand")


async def detailed(tx: Tx, rows: Sequence[BatchRow]) -> list[batch_pb2.Batch]:
    """Batches with their errors by code and the reasons why they wait."""
    groups = await batches.error_groups(tx, [row.id for row in rows if row.failed])
    return [batch_message(row, _of(row, groups), await _derived_holds(tx, row)) for row in rows]


def _of(row: BatchRow, groups: Sequence[ErrorGroupRow]) -> list[ErrorGroupRow]:
    return [group for group in groups if group.batch_id == row.id]


async def _derived_holds(tx: Tx, row: BatchRow) -> list[str]:
    if row.current in FINAL_BATCH or row.queued + row.retry_wait == 0 or row.sealed_at is None:
        return []
    busy = await dispatching.in_flight_of(tx, row.tenant_id)
    return ["TENANT_CONCURRENCY"] if busy >= row.limits["documents_in_flight"] else []


async def used(tx: Tx, tenant_id: UUID) -> limits_pb2.LimitUsage:
    """What a tenant uses of its limits now."""
    month = await tenants.month(tx, tenant_id)
    creates = await usage.created_last_minute(tx, tenant_id, 0)
    return limits_pb2.LimitUsage(
        open_batches=await batches.count_open(tx, tenant_id),
        documents_in_flight=await dispatching.in_flight_of(tx, tenant_id),
        documents_this_month=month.documents,
        month_reset_time=timestamp(month.resets_at),
        creates_last_minute=creates.count,
    )
