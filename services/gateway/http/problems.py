"""Problem details (RFC 9457): the one place where an error becomes an HTTP answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from typing import Any

from grpc import StatusCode
from starlette.responses import Response

from chassis.errors import CallError, CallReason
from chassis.failures import CATALOGUE, Explanation, FailureCode
from gateway.http.shapes import dump

MEDIA_TYPE = "application/problem+json"

_STATUS_OF_CODE: dict[StatusCode, int] = {
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNAUTHENTICATED: 401,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.NOT_FOUND: 404,
    StatusCode.FAILED_PRECONDITION: 409,
    StatusCode.ABORTED: 409,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.DEADLINE_EXCEEDED: 504,
}
_STATUS_OF_REASON: dict[tuple[StatusCode, str], int] = {
    (StatusCode.INVALID_ARGUMENT, FailureCode.FILE_TOO_LARGE): 413,
    (StatusCode.INVALID_ARGUMENT, FailureCode.FILE_EMPTY): 422,
    (StatusCode.FAILED_PRECONDITION, CallReason.BATCH_PURGED): 410,
    (StatusCode.DEADLINE_EXCEEDED, FailureCode.UPLOAD_INCOMPLETE): 408,
    (StatusCode.UNAVAILABLE, FailureCode.STORAGE_FULL): 507,
}
_EXPLANATIONS: dict[str, Explanation] = {str(code): known for code, known in CATALOGUE.items()}
_QUOTA_KEYS = frozenset({"limit", "maximum", "used", "reset"})


class HttpReason(StrEnum):
    """Reasons that only HTTP knows."""

    REQUEST_MALFORMED = "REQUEST_MALFORMED"
    ROUTE_UNKNOWN = "ROUTE_UNKNOWN"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    MEDIA_TYPE_UNSUPPORTED = "MEDIA_TYPE_UNSUPPORTED"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    CSRF_REFUSED = "CSRF_REFUSED"
    SIGN_IN_NOT_OFFERED = "SIGN_IN_NOT_OFFERED"


@dataclass(eq=False)
class HttpFault(Exception):
    """A request that is wrong as HTTP, whatever it asks for; `message` says the way out."""

    status: int
    reason: HttpReason
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    violations: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(eq=False)
class RequestAborted(Exception):
    """A request of several steps broke off; `context` tells the caller what stands now."""

    cause: Exception
    context: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is not the one asked for."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def response(self) -> Response:
        """The answer as Starlette sends it."""
        return Response(dump(self.body), self.status, self.headers, MEDIA_TYPE)

    def within(self, context: Mapping[str, Any]) -> "Problem":
        """The same problem, with what the caller should know beside it."""
        return Problem(self.status, {**self.body, **context}, self.headers)


def problem_of_call(error: CallError) -> Problem:
    """The problem a CallError stands for."""
    status = _STATUS_OF_REASON.get((error.code, str(error.reason))) or _STATUS_OF_CODE.get(error.code, 500)
    body = _base(status, str(error.reason), error.message)
    body |= _violations(error.violations) | _explanation(str(error.reason))
    metadata = dict(error.metadata)
    if error.quota:
        quota = error.quota
        body["quota"] = {
            "limit": quota.limit,
            "maximum": quota.maximum,
            "used": quota.used,
            "reset": quota.reset or None,
        }
        metadata = {key: value for key, value in metadata.items() if key not in _QUOTA_KEYS}
    if metadata:
        body["metadata"] = metadata
    if error.retry_after is not None:
        body["retry_after"] = error.retry_after
    return Problem(status, body, _headers(status, error.retry_after))


def problem_of_http(fault: HttpFault) -> Problem:
    """The problem an HttpFault stands for."""
    body = _base(fault.status, fault.reason, fault.message) | _violations(fault.violations)
    return Problem(fault.status, body, dict(fault.headers))


def _base(status: int, reason: str, detail: str) -> dict[str, Any]:
    title = reason.replace("_", " ").capitalize()
    return {
        "type": f"urn:quire:error:{reason}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason,
    }


def _violations(violations: Mapping[str, str]) -> dict[str, Any]:
    if not violations:
        return {}
    return {"violations": [{"field": name, "description": fault} for name, fault in violations.items()]}


def _explanation(reason: str) -> dict[str, Any]:
    known = _EXPLANATIONS.get(reason)
    if known is None:
        return {}
    return {"category": known.category, "actor": known.actor, "remedy": known.remedy}


def _headers(status: int, retry_after: float | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, ceil(retry_after)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="quire"'
    return headers
