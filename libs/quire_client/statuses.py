"""Names and groups of the statuses the server sends."""

from quire.batch.v1 import batch_pb2, document_pb2

FINAL_BATCH_STATUSES = frozenset(
    {
        batch_pb2.BATCH_STATUS_COMPLETED,
        batch_pb2.BATCH_STATUS_COMPLETED_WITH_ERRORS,
        batch_pb2.BATCH_STATUS_FAILED,
        batch_pb2.BATCH_STATUS_CANCELLED,
        batch_pb2.BATCH_STATUS_EXPIRED,
    }
)


def is_final(batch: batch_pb2.Batch) -> bool:
    """Whether nothing more will happen unless documents are retried."""
    return batch.status in FINAL_BATCH_STATUSES


def batch_status_name(status: batch_pb2.BatchStatus.ValueType) -> str:
    """E.g. `COMPLETED_WITH_ERRORS`."""
    return batch_pb2.BatchStatus.Name(status).removeprefix("BATCH_STATUS_")


def document_status_name(status: document_pb2.DocumentStatus.ValueType) -> str:
    """E.g. `SUCCEEDED`."""
    return document_pb2.DocumentStatus.Name(status).removeprefix("DOCUMENT_STATUS_")


def hold_reason_name(reason: batch_pb2.HoldReason.ValueType) -> str:
    """E.g. `PAUSED_BY_USER`; empty when nothing holds the batch."""
    return batch_pb2.HoldReason.Name(reason).removeprefix("HOLD_REASON_").replace("UNSPECIFIED", "")


def tier_name(tier: batch_pb2.Tier.ValueType) -> str:
    """E.g. `PLUS`."""
    return batch_pb2.Tier.Name(tier).removeprefix("TIER_")


def stage_name(stage: document_pb2.Stage.ValueType) -> str:
    """E.g. `PARSE`; empty when nothing runs."""
    return document_pb2.Stage.Name(stage).removeprefix("STAGE_").replace("UNSPECIFIED", "")
