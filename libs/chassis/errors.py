"""The one error type that crosses the wire.

`CallError` is what a door raises and what a client of ours catches: a canonical gRPC code, a stable reason and the rich
details of google.rpc (AIP-193). The server interceptor turns it into a status; `from_rpc_error` turns a status back.
Anything else that escapes a door becomes INTERNAL with an incident id and leaks nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chassis.failures import FailureCode

DOMAIN = "quire"


class CallReason(StrEnum):
    """Reasons of calls that no document failure code names; together with FailureCode the whole list of docs/api.md."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a reason, not a token
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105 - a reason, not a token
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    FIELD_INVALID = "FIELD_INVALID"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    TENANT_EXISTS = "TENANT_EXISTS"
    API_KEY_VOID = "API_KEY_VOID"
    BATCH_NOT_DRAFT = "BATCH_NOT_DRAFT"
    BATCH_NOT_SEALED = "BATCH_NOT_SEALED"
    BATCH_EMPTY = "BATCH_EMPTY"
    BATCH_NOT_OPEN = "BATCH_NOT_OPEN"
    BATCH_PURGED = "BATCH_PURGED"
    DOCUMENT_NOT_OPEN = "DOCUMENT_NOT_OPEN"
    OVERLOADED = "OVERLOADED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    INTERNAL = "INTERNAL"


Reason = CallReason | FailureCode


@dataclass(frozen=True, slots=True)
class QuotaViolation:
    """A limit of the tenant's that a call would exceed."""

    limit: str
    """Field name of quire.batch.v1.Limits, e.g. `open_batches`."""
    maximum: int
    used: int
    reset: str = ""
    """When it frees itself, RFC 3339; empty when freeing something cures it."""


@dataclass(eq=False)
class CallError(Exception):
    """A call was refused or could not be served; `message` says the way out."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    violations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Field path → what is wrong with it."""
    quota: QuotaViolation | None = None
    retry_after: float | None = None
    """Seconds."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def invalid(violations: Mapping[str, str], reason: Reason = CallReason.FIELD_INVALID) -> CallError:
    """INVALID_ARGUMENT: some fields can never be accepted as they are; as many are named as an answer has room for."""
    message = "; ".join(f"{name}: {fault}" for name, fault in violations.items())
    return CallError(grpc.StatusCode.INVALID_ARGUMENT, reason, message, violations=violations)


def not_found(kind: str, identifier: str) -> CallError:
    """NOT_FOUND: it does not exist, or it is another tenant's; the two are told apart by nobody."""
    message = f"there is no {kind} {identifier!r}"
    return CallError(grpc.StatusCode.NOT_FOUND, CallReason.NOT_FOUND, message, {"kind": kind, "id": identifier})


def precondition(reason: Reason, message: str, metadata: Mapping[str, str] | None = None) -> CallError:
    """FAILED_PRECONDITION: right call, wrong state; waiting alone does not cure it."""
    return CallError(grpc.StatusCode.FAILED_PRECONDITION, reason, message, metadata or {})


def already_exists(reason: Reason, message: str) -> CallError:
    """ALREADY_EXISTS: there is one by that name already, and it is another."""
    return CallError(grpc.StatusCode.ALREADY_EXISTS, reason, message)


def exhausted(reason: Reason, message: str, quota: QuotaViolation, retry_after: float | None = None) -> CallError:
    """RESOURCE_EXHAUSTED: time or freeing something cures it."""
    return CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, reason, message, quota=quota, retry_after=retry_after)


def overloaded(why: str, retry_after: float = 1.0) -> CallError:
    """RESOURCE_EXHAUSTED: nothing was begun, because too much is under way; the same call succeeds a little later."""
    message = f"too much at once: {why}; nothing was begun, try again in {retry_after:g} s"
    return CallError(grpc.StatusCode.RESOURCE_EXHAUSTED, CallReason.OVERLOADED, message, retry_after=retry_after)


def tier_required(message: str, tier: str) -> CallError:
    """PERMISSION_DENIED: the tenant's tier does not have this at all; names the tier to move to."""
    return CallError(grpc.StatusCode.PERMISSION_DENIED, FailureCode.TIER_REQUIRED, message, {"tier_required": tier})


def unauthenticated(message: str, reason: Reason = CallReason.UNAUTHENTICATED) -> CallError:
    """UNAUTHENTICATED: no credential, or none that is valid."""
    return CallError(grpc.StatusCode.UNAUTHENTICATED, reason, message)


def forbidden(message: str) -> CallError:
    """PERMISSION_DENIED: the credential is valid but not for this method."""
    return CallError(grpc.StatusCode.PERMISSION_DENIED, CallReason.FORBIDDEN, message)


def unavailable(what: str, retry_after: float = 2.0) -> CallError:
    """UNAVAILABLE: something Quire stands on does not answer; what was accepted is kept, try again."""
    message = f"{what} does not answer; nothing accepted is lost, try again in {retry_after:g} s"
    return CallError(grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE, message, retry_after=retry_after)


def out_of_time(seconds: float) -> CallError:
    """DEADLINE_EXCEEDED: it took longer than any call may; nobody knows what came of it, the request id tells."""
    message = f"the call was not answered within {seconds:g} s; ask what came of it, or repeat it"
    return CallError(grpc.StatusCode.DEADLINE_EXCEEDED, CallReason.SERVICE_UNAVAILABLE, message, retry_after=2.0)


def not_implemented(method: str) -> CallError:
    """UNIMPLEMENTED: the contract has it, this release does not."""
    message = f"{method} is part of the contract but not of this release; docs/api.md lists what is"
    return CallError(grpc.StatusCode.UNIMPLEMENTED, CallReason.NOT_IMPLEMENTED, message, {"method": method})


def internal(incident: str) -> CallError:
    """INTERNAL: a fault of ours; the incident id finds it in the logs."""
    message = f"a fault in Quire; report it with incident id {incident}"
    return CallError(grpc.StatusCode.INTERNAL, CallReason.INTERNAL, message, {"incident": incident})


STATUS_DETAILS_KEY = "grpc-status-details-bin"

# A client drops trailers of more than 8 KiB, and with them the reason. The message stands in them twice, once with each
# byte beyond ASCII as three.
LONGEST_TEXT = 600
LONGEST_FIELD = 200
LONGEST_VIOLATIONS = 2_000
"""Bytes."""


def to_status(error: CallError) -> status_pb2.Status:
    """Turn an error into the rich status a server answers in `grpc-status-details-bin`, cut to what fits."""
    number: int = error.code.value[0]
    status = status_pb2.Status(code=number, message=_cut(error.message, LONGEST_TEXT))
    for detail in _details(error):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details(error: CallError) -> list[Message]:
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_metadata(error))
    ]
    if error.violations:
        details.append(_bad_request(error.violations))
    if error.quota:
        details.append(_quota_failure(error.quota, error.message))
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_after * 1000))
        details.append(retry)
    return details


def _metadata(error: CallError) -> dict[str, str]:
    metadata = {key: _cut(value, LONGEST_TEXT) for key, value in error.metadata.items()}
    if error.quota:
        quota = error.quota
        metadata |= {"limit": quota.limit, "maximum": str(quota.maximum), "used": str(quota.used), "reset": quota.reset}
    return metadata


def _bad_request(violations: Mapping[str, str]) -> error_details_pb2.BadRequest:
    details, left = error_details_pb2.BadRequest(), LONGEST_VIOLATIONS
    for name, fault in violations.items():
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(name, LONGEST_FIELD), description=_cut(fault, LONGEST_TEXT)
        )
        left -= violation.ByteSize()
        if left < 0:
            break
        details.field_violations.append(violation)
    return details


def _quota_failure(quota: QuotaViolation, description: str) -> error_details_pb2.QuotaFailure:
    details = error_details_pb2.QuotaFailure()
    description = _cut(description, LONGEST_TEXT)
    details.violations.add(subject=quota.limit, description=description, quota_value=quota.maximum)
    return details


def _cut(text: str, longest: int) -> str:
    """At most so many bytes of a text."""
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= longest else encoded[: longest - 3].decode(errors="ignore") + "…"


def from_rpc_error(error: grpc.aio.AioRpcError) -> CallError:
    """Turn what a client caught into a CallError; a status without details keeps its code and message."""
    found = CallError(error.code(), CallReason.INTERNAL, error.details() or error.code().name)
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        found.reason, found.retry_after = CallReason.SERVICE_UNAVAILABLE, 2.0
    status = _rich_status(error)
    for detail in status.details if status else ():
        _read_detail(found, detail)
    return found


def _rich_status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            return status_pb2.Status.FromString(value)
    return None


def _read_detail(found: CallError, detail: AnyMessage) -> None:
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    if detail.Unpack(info):
        found.reason, found.metadata = info.reason, dict(info.metadata)
        found.quota = _read_quota(found.metadata)
    elif detail.Unpack(bad):
        found.violations = {violation.field: violation.description for violation in bad.field_violations}
    elif detail.Unpack(retry):
        found.retry_after = retry.retry_delay.ToMilliseconds() / 1000


def _read_quota(metadata: Mapping[str, str]) -> QuotaViolation | None:
    if "maximum" not in metadata:
        return None
    return QuotaViolation(metadata["limit"], int(metadata["maximum"]), int(metadata["used"]), metadata.get("reset", ""))


def canonical_name(error: CallError) -> str:
    """Name of the canonical code as google.rpc.Code spells it, e.g. `NOT_FOUND`."""
    number: int = error.code.value[0]
    return code_pb2.Code.Name(number)
