"""Batch events as subscribers get them: CloudEvents attributes in the headers, a snapshot in the body."""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from batch.domain.status import FINAL_BATCH, BatchStatus
from batch.store.outbox import NewEvent
from batch.store.rows import BatchRow
from batch.wire.batches import snapshot_message
from quire.events.v1 import batch_event_pb2

PROGRESSED = "batch.progressed.v1"


def status_type(status: BatchStatus) -> str:
    """The type of the event that tells of a status, e.g. `batch.completed_with_errors.v1`."""
    return f"batch.{status.lower()}.v1"


TERMINAL_TYPES = frozenset(status_type(status) for status in FINAL_BATCH)


def terminal_event_id(batch_id: UUID, retry_generation: int) -> UUID:
    """The one id of a terminal event, however often it is sent."""
    return uuid5(NAMESPACE_URL, f"urn:quire:batch:{batch_id}:terminal:{retry_generation}")


def event_of(row: BatchRow, event_type: str) -> NewEvent:
    """The event that tells of a batch as it is now."""
    final = row.current in FINAL_BATCH and event_type != PROGRESSED
    numbered = uuid5(NAMESPACE_URL, f"urn:quire:batch:{row.id}:event:{row.sequence}")
    return NewEvent(
        tenant_id=row.tenant_id,
        batch_id=row.id,
        event_id=row.terminal_event_id if final and row.terminal_event_id else numbered,
        event_type=event_type,
        routing_key=f"v1.{row.tenant_id}.batch.{event_type.split('.')[1]}",
        body=batch_event_pb2.BatchEvent(tenant_id=str(row.tenant_id), batch=snapshot_message(row)).SerializeToString(),
    )


def cloud_event_headers(event_id: UUID, event_type: str, batch_id: UUID, created_at: datetime) -> dict[str, str]:
    """CloudEvents 1.0 attributes under the prefix of its AMQP binding."""
    return {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": str(event_id),
        "cloudEvents:type": event_type,
        "cloudEvents:source": "/quire/batch",
        "cloudEvents:subject": str(batch_id),
        "cloudEvents:time": created_at.isoformat(),
    }
