"""Batches as they are sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from batch.domain import pace
from batch.store.rows import BatchRow, ErrorGroupRow
from batch.wire.moments import duration, timestamp
from chassis.failures import CATALOGUE, FailureCode
from quire.batch.v1 import batch_pb2

HOLDS_BY_URGENCY = (
    "PROVIDER_AUTH",
    "PAUSED_BY_OPERATOR",
    "COST_CAP",
    "TENANT_QUOTA",
    "PAUSED_BY_USER",
    "PROVIDER_RATE_LIMITED",
    "TENANT_CONCURRENCY",
)


def batch_message(
    row: BatchRow, groups: Sequence[ErrorGroupRow] = (), derived_holds: Sequence[str] = ()
) -> batch_pb2.Batch:
    """A batch with its content, as its owner sees it."""
    message = snapshot_message(row, derived_holds)
    message.extraction_prompt = row.extraction_prompt
    message.output_schema = row.output_schema or ""
    message.errors.extend(_error_group(group) for group in groups)
    return message


def snapshot_message(row: BatchRow, derived_holds: Sequence[str] = ()) -> batch_pb2.Batch:
    """A batch without prompt and schema, as events carry it."""
    holds = sorted({*row.holds, *derived_holds}, key=HOLDS_BY_URGENCY.index)
    now = datetime.now(UTC)
    message = batch_pb2.Batch(
        id=str(row.id),
        name=row.name,
        description=row.description,
        options=_options(row.options),
        tier=batch_pb2.Tier.Value(f"TIER_{row.tier}"),
        status=batch_pb2.BatchStatus.Value(f"BATCH_STATUS_{row.status}"),
        hold_reasons=[batch_pb2.HoldReason.Value(f"HOLD_REASON_{hold}") for hold in holds],
        counters=_counters(row),
        version=row.version,
        sequence=row.sequence,
        retry_generation=row.retry_generation,
        source_batch_id=str(row.source_batch_id or ""),
        user_id=row.user_id,
        create_time=timestamp(row.created_at),
        update_time=timestamp(row.updated_at),
        seal_time=timestamp(row.sealed_at),
        complete_time=timestamp(row.completed_at),
        deadline_time=timestamp(row.deadline_at),
        purge_time=timestamp(row.purge_at),
        last_progress_time=timestamp(row.last_progress_at),
        eta=duration(pace.eta(row.counters, row.started_at, now)),
        stalled=pace.stalled(row.counters, row.last_progress_at, now, held=bool(holds)),
    )
    if holds:
        message.hold_reason = message.hold_reasons[0]
    return message


def _counters(row: BatchRow) -> batch_pb2.Counters:
    return batch_pb2.Counters(
        total=row.total_documents,
        pending_upload=row.pending_upload,
        uploaded=row.uploaded,
        queued=row.queued,
        processing=row.processing,
        retry_wait=row.retry_wait,
        succeeded=row.succeeded,
        failed=row.failed,
        cancelled=row.cancelled,
        expired=row.expired,
        processed=row.counters.final,
        pages=row.pages,
        bytes=row.bytes,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_micros=row.cost_micros,
    )


def _options(options: dict[str, Any]) -> batch_pb2.BatchOptions:
    message = batch_pb2.BatchOptions(max_failures=options["max_failures"])
    message.deadline.FromSeconds(int(options["deadline_seconds"]))
    return message


def _error_group(group: ErrorGroupRow) -> batch_pb2.ErrorGroup:
    explanation = CATALOGUE[FailureCode(group.error_code)]
    return batch_pb2.ErrorGroup(
        code=group.error_code, count=group.count, actor=explanation.actor, remedy=explanation.remedy
    )
