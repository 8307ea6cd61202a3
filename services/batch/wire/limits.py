"""Limits as they are sent, and refusals as they are answered."""

from datetime import datetime

from batch.domain.tiers import Limits, Refusal, RefusalKind, Tier, TierRules, tier_with_batches
from chassis import errors
from chassis.failures import FailureCode
from quire.batch.v1 import batch_pb2, limits_pb2


def limits_message(rules: TierRules, tier: Tier, limits: Limits) -> limits_pb2.Limits:
    """The very numbers that are enforced."""
    needed = "UNSPECIFIED" if limits.batch_upload else tier_with_batches(rules)
    return limits_pb2.Limits(
        tier=batch_pb2.Tier.Value(f"TIER_{tier}"),
        batch_upload=limits.batch_upload,
        documents_per_batch=limits.documents_per_batch,
        bytes_per_document=limits.bytes_per_document,
        pages_per_document=limits.pages_per_document,
        open_batches=limits.open_batches,
        documents_in_flight=limits.documents_in_flight,
        documents_per_month=limits.documents_per_month,
        scheduling_weight=limits.scheduling_weight,
        retention_days=limits.retention_days,
        export_formats=limits.export_formats,
        creates_per_minute=limits.creates_per_minute,
        tier_required=batch_pb2.Tier.Value(f"TIER_{needed}"),
    )


def refuse(
    refusal: Refusal | None,
    rules: TierRules,
    resets_at: datetime | None = None,
    field: str = "size_bytes",
    retry_after: float | None = None,
) -> None:
    """Raise what a refusal is on the wire (DESIGN §6); do nothing for None.

    Args:
        refusal: what a limit says.
        rules: tells the tier to move to.
        resets_at: when time alone cures it, if it does.
        field: the field that was too large.
        retry_after: seconds until then, where a caller may as well wait for it.
    """
    if refusal is None:
        return
    if refusal.kind is RefusalKind.TIER_REQUIRED:
        raise errors.tier_required(refusal.message, tier_with_batches(rules))
    reset = resets_at.isoformat() if resets_at else ""
    quota = errors.QuotaViolation(refusal.limit, refusal.maximum, refusal.used, reset)
    if refusal.kind is RefusalKind.EXHAUSTED:
        raise errors.exhausted(FailureCode.QUOTA_EXHAUSTED, refusal.message, quota, retry_after)
    raise _incurable(refusal, quota, field)


def _incurable(refusal: Refusal, quota: errors.QuotaViolation, field: str) -> errors.CallError:
    if refusal.kind is RefusalKind.TOO_LARGE:
        error = errors.invalid({field: refusal.message}, FailureCode.FILE_TOO_LARGE)
    else:
        error = errors.precondition(FailureCode.TIER_LIMIT, refusal.message)
    error.quota = quota
    return error
