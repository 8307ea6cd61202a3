"""Refusals on the wire: each kind has the code that tells whether waiting helps (DESIGN §6)."""

from dataclasses import fields
from datetime import UTC, datetime

import grpc
import pytest

from batch.domain.tiers import Limits, Refusal, RefusalKind, Tier, admit_batch
from batch.wire.limits import limits_message, refuse
from chassis.errors import CallError
from chassis.failures import FailureCode
from quire.batch.v1.limits_pb2 import Limits as LimitsMessage
from tests.unit.batch.domain.builders import RULES


def refused(refusal: Refusal | None, resets_at: datetime | None = None) -> CallError:
    with pytest.raises(CallError) as caught:
        refuse(refusal, RULES, resets_at)
    return caught.value


def test_nothing_is_raised_when_nothing_is_refused() -> None:
    refuse(None, RULES)


def test_a_missing_tier_is_permission_denied_and_names_the_tier() -> None:
    error = refused(admit_batch(RULES, RULES[Tier.FREE], open_batches=0, creates_last_minute=0))
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, FailureCode.TIER_REQUIRED)
    assert error.metadata["tier_required"] == "PLUS"


def test_what_time_cures_is_resource_exhausted_with_limit_used_and_reset() -> None:
    moment = datetime(2026, 12, 1, tzinfo=UTC)
    error = refused(Refusal(RefusalKind.EXHAUSTED, "documents_per_month", 1000, 990, "no"), moment)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureCode.QUOTA_EXHAUSTED)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("documents_per_month", 1000, 990)
    assert error.quota.reset == "2026-12-01T00:00:00+00:00"
    assert error.retry_after is None


def test_too_many_creates_tell_when_to_try_again() -> None:
    refusal = admit_batch(RULES, RULES[Tier.PLUS], open_batches=0, creates_last_minute=10)
    with pytest.raises(CallError) as caught:
        refuse(refusal, RULES, datetime(2026, 12, 1, tzinfo=UTC), retry_after=12.5)
    assert caught.value.retry_after == 12.5
    assert caught.value.quota is not None
    assert caught.value.quota.reset == "2026-12-01T00:00:00+00:00"


def test_too_many_documents_are_a_precondition_and_too_large_a_file_an_argument() -> None:
    many = refused(Refusal(RefusalKind.TOO_MANY, "documents_per_batch", 50, 51, "no"))
    large = refused(Refusal(RefusalKind.TOO_LARGE, "bytes_per_document", 10, 11, "no"))
    assert (many.code, many.reason) == (grpc.StatusCode.FAILED_PRECONDITION, FailureCode.TIER_LIMIT)
    assert (large.code, large.reason) == (grpc.StatusCode.INVALID_ARGUMENT, FailureCode.FILE_TOO_LARGE)
    assert list(large.violations) == ["size_bytes"]
    assert many.quota is not None
    assert large.quota is not None


@pytest.mark.parametrize("tier", Tier)
def test_the_numbers_sent_are_the_numbers_enforced(tier: Tier) -> None:
    message = limits_message(RULES, tier, RULES[tier])
    for field in fields(Limits):
        sent, enforced = getattr(message, field.name), getattr(RULES[tier], field.name)
        assert (tuple(sent) if field.name == "export_formats" else sent) == enforced
    told = {field.name for field in LimitsMessage.DESCRIPTOR.fields}
    assert told == {field.name for field in fields(Limits)} | {"tier", "tier_required"}
