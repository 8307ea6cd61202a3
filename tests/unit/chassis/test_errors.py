"""The error type survives the wire."""

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given
from hypothesis import strategies as st

from chassis import errors
from chassis.errors import STATUS_DETAILS_KEY, CallError, CallReason, QuotaViolation
from chassis.failures import FailureCode

QUOTA = QuotaViolation("open_batches", 3, 3, "2026-12-01T00:00:00+00:00")
EVERY = [
    errors.invalid({"name": "too long", "batch_id": "must be a UUID"}),
    errors.invalid({"request_id": "used"}, CallReason.REQUEST_ID_REUSED),
    errors.not_found("batch", "x"),
    errors.precondition(FailureCode.UPLOAD_INCOMPLETE, "missing", {"missing": "2"}),
    errors.exhausted(FailureCode.QUOTA_EXHAUSTED, "wait", QUOTA, 60.0),
    errors.tier_required("move", "PLUS"),
    errors.unauthenticated("send a key"),
    errors.forbidden("not for you"),
    errors.unavailable("the database"),
    errors.not_implemented("quire.batch.v1.BatchService.PauseBatch"),
    errors.internal("abc"),
]


def on_the_wire(error: CallError) -> grpc.aio.AioRpcError:
    status = errors.to_status(error)
    trailer = grpc.aio.Metadata((STATUS_DETAILS_KEY, status.SerializeToString()))
    return grpc.aio.AioRpcError(error.code, grpc.aio.Metadata(), trailer, status.message)


def shape(error: CallError) -> tuple[object, ...]:
    quota = error.quota
    metadata = {key: value for key, value in error.metadata.items() if key not in ("limit", "maximum", "used", "reset")}
    return error.code, error.reason, error.message, metadata, error.violations, quota, error.retry_after


@pytest.mark.parametrize("error", EVERY, ids=lambda error: f"{error.code.name}-{error.reason}")
def test_an_error_comes_back_from_the_wire_as_it_was(error: CallError) -> None:
    assert shape(errors.from_rpc_error(on_the_wire(error))) == shape(error)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: f"{error.code.name}-{error.reason}")
def test_an_error_carries_reason_and_domain(error: CallError) -> None:
    info = error_details_pb2.ErrorInfo()
    assert errors.to_status(error).details[0].Unpack(info)
    assert (info.reason, info.domain) == (error.reason, "quire")


def test_a_quota_is_told_as_quota_failure_too() -> None:
    found = error_details_pb2.QuotaFailure()
    details = errors.to_status(errors.exhausted(FailureCode.QUOTA_EXHAUSTED, "wait", QUOTA)).details
    assert any(detail.Unpack(found) for detail in details)
    assert (found.violations[0].subject, found.violations[0].quota_value) == ("open_batches", 3)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_a_status_without_details_keeps_code_and_message(code: grpc.StatusCode) -> None:
    found = errors.from_rpc_error(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "bare"))
    assert (found.code, found.message) == (code, "bare")
    away = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert (found.reason == CallReason.SERVICE_UNAVAILABLE) == away
    assert errors.canonical_name(found) == code.name


@given(st.dictionaries(st.text(min_size=1, max_size=30), st.text(max_size=60), min_size=1, max_size=5))
def test_any_violations_survive_the_wire(violations: dict[str, str]) -> None:
    assert errors.from_rpc_error(on_the_wire(errors.invalid(violations))).violations == violations


TRAILER_BYTES = 8 * 1024


@given(st.text(min_size=1, max_size=2), st.integers(1, 20_000), st.integers(1, 1_000))
def test_an_error_fits_into_the_trailers_a_client_takes(text: str, length: int, count: int) -> None:
    long = text * length
    violations = {f"documents[{number}].{long}": long for number in range(count)}
    every = [
        CallError(grpc.StatusCode.INVALID_ARGUMENT, CallReason.FIELD_INVALID, long, {"names": long}, violations),
        errors.exhausted(FailureCode.QUOTA_EXHAUSTED, long, QUOTA, 60.0),
    ]
    for error in every:
        status = errors.to_status(error)
        message = sum(1 if 0x20 <= byte < 0x7F else 3 for byte in status.message.encode())
        assert message + len(status.SerializeToString()) * 4 / 3 < TRAILER_BYTES - 512
        found = errors.from_rpc_error(on_the_wire(error))
        assert (found.code, found.reason, found.quota) == (error.code, error.reason, error.quota)
        assert bool(found.violations) == bool(error.violations)
