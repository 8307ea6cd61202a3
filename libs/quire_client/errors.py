"""What can go wrong, as types; the text of each says the way out.

QuireError
├── ConfigurationError      an address or a key is missing
├── NothingToSubmitError    the paths hold no file
├── DocumentRefusedError    one file was refused; names it, `cause` says why
└── CallError               the server answered, or did not
    ├── NotFoundError
    ├── AccessError         no valid key, or not one for this call
    ├── RefusedError
    │   ├── InvalidError        some fields can never be accepted as they are
    │   ├── PreconditionError   right call, wrong state
    │   ├── LimitError          a limit that time or freeing something cures
    │   ├── TierError           the tenant's tier does not have this
    │   └── UnsupportedError    in the contract, not in this release
    ├── UnavailableError    safe to try again
    └── FaultError          a fault of the server's
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


_HINTS = {
    "TIER_LIMIT": "Stay within the limit, or move to a higher tier; `quire limits` shows all limits.",
    "FILE_TOO_LARGE": "Make the file smaller, or move to a higher tier; `quire limits` shows all limits.",
    "FILE_EMPTY": "It holds no bytes; take the real file.",
    "UPLOAD_INCOMPLETE": "Upload what is missing, or seal without it (drop_incomplete).",
    "CHECKSUM_MISMATCH": "The file changed while it was sent; submit it again.",
    "BATCH_NOT_DRAFT": "A sealed batch takes no more documents; create another batch.",
    "BATCH_EMPTY": "Add documents first.",
    "BATCH_NOT_OPEN": "Nothing of the batch waits any more; `quire retry` opens what has no result again.",
    "BATCH_PURGED": "The retention of the tier is over; submit the files again.",
    "TOKEN_EXPIRED": "Get a new token from your issuer and set QUIRE_API_KEY to it.",
    "TOKEN_INVALID": "Get another token from the issuer Quire trusts, or use an API key.",
    "API_KEY_VOID": "Make another key: `quire admin create-key`.",
    "TENANT_EXISTS": "`quire admin set-tier` moves a tenant to another tier.",
    "OVERLOADED": "Quire is busy and began nothing; make fewer calls at once, or try again.",
    "REQUEST_ID_REUSED": "Give a new request id, or the very same request.",
}
"""What to do about reasons for which the kind of error alone does not tell."""


class QuireError(Exception):
    """Base of all: `message` is what happened, `way_out` what to do about it."""

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message, way_out)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} | {self.way_out}"


class ConfigurationError(QuireError):
    """The client was not told where Quire is or who asks."""


class NothingToSubmitError(QuireError):
    """The paths given hold no file; name files, or folders with files that are not hidden."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a failed call said."""

    code: grpc.StatusCode
    reason: str
    """A code of docs/api.md; empty when not Quire but the network or a proxy answered."""
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    violations: Mapping[str, str] = field(default_factory=dict[str, str])
    """Field path → what is wrong with it."""
    quota: Mapping[str, str] = field(default_factory=dict[str, str])
    """Limit → what would exceed it."""
    retry_after: float | None = None
    """Seconds."""


class CallError(QuireError):
    """A call was refused or could not be served."""

    hint: ClassVar[str] = "Look the reason up in docs/api.md."

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts.message, self.advice(facts))
        self.facts = facts

    @property
    def reason(self) -> str:
        """The stable code of the reason, e.g. `TIER_LIMIT`."""
        return self.facts.reason

    def advice(self, facts: Facts) -> str:
        """Say the way out, one line."""
        when = "" if facts.retry_after is None else f" Try again in {facts.retry_after:g} s."
        return f"{_HINTS.get(facts.reason, self.hint)}{when}"


class NotFoundError(CallError):
    """It does not exist or is another tenant's; take the id from a list."""

    hint = "Check the id: `quire list` shows yours; what another tenant owns looks as if it did not exist."


class AccessError(CallError):
    """Give a valid key of the right kind."""

    hint = "Set QUIRE_API_KEY to a valid key; an operator makes one with `quire admin create-key`."


class RefusedError(CallError):
    """Asking the same again is refused again."""


class InvalidError(RefusedError):
    """Mend the fields named in `facts.violations`."""

    hint = "Correct what the message names and call again."

    def advice(self, facts: Facts) -> str:
        """Name every field."""
        named = "; ".join(f"{name}: {fault}" for name, fault in facts.violations.items())
        return f"Correct {named}." if named and named != facts.message else super().advice(facts)


class PreconditionError(RefusedError):
    """Bring the batch into the state the call needs."""

    hint = "Look at the batch with `quire show`; its status does not allow this now."


class LimitError(RefusedError):
    """Wait, or free something; `facts.metadata` has limit, maximum, used and reset."""

    hint = "Wait, finish or cancel something, or move to a higher tier; `quire limits` shows all limits."

    def advice(self, facts: Facts) -> str:
        """Give the numbers."""
        told = facts.metadata
        if "maximum" not in told:
            return super().advice(facts)
        reset = f", resets {told['reset']}" if told.get("reset") else ""
        used = f"{told.get('limit', 'limit')}: {told.get('used', '?')} of {told['maximum']} used"
        return f"{used}{reset}. {super().advice(facts)}"


class TierError(RefusedError):
    """Move to the tier in `facts.metadata["tier_required"]`."""

    def advice(self, facts: Facts) -> str:
        """Name the tier."""
        tier = facts.metadata.get("tier_required")
        return f"Move to {tier} or higher." if tier else "Move to a higher tier; `quire limits` shows what yours has."


class UnsupportedError(RefusedError):
    """The contract has it, the server's release does not."""

    hint = "Use a newer server; docs/api.md lists what each release serves."


class UnavailableError(CallError):
    """Nothing accepted is lost; the same call may be made again."""

    hint = "Nothing accepted is lost; check QUIRE_ENDPOINT and that Quire runs, then try again."


class FaultError(CallError):
    """Report it with the incident id of `facts.metadata`."""

    hint = "Report it to the operator of Quire with the message above."


class DocumentRefusedError(QuireError):
    """One file of a submission was refused: leave it out or mend it, then submit again."""

    def __init__(self, name: str, cause: CallError, *faults: str) -> None:
        super().__init__(
            f"{name}: {'; '.join(faults) or cause.message}",
            f"Mend that file or leave it out. {_HINTS.get(cause.reason, '')}".rstrip(),
        )
        self.name = name
        self.cause = cause


_CLASSES: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidError,
    grpc.StatusCode.OUT_OF_RANGE: InvalidError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.ABORTED: PreconditionError,
    grpc.StatusCode.ALREADY_EXISTS: PreconditionError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitError,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
}


class FailedCall(Protocol):
    """What gRPC raises, with asyncio or without."""

    def code(self) -> grpc.StatusCode:
        """The canonical code."""
        ...

    def details(self) -> str | None:
        """The message."""
        ...

    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """What came with it."""
        ...


def read_error(error: FailedCall) -> CallError:
    """Turn what gRPC raised into one of the types above."""
    facts = _facts(error)
    if facts.reason == "TIER_REQUIRED":
        return TierError(facts)
    if facts.reason == "OVERLOADED":
        return UnavailableError(facts)
    if not facts.reason and facts.code in (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL):
        return UnavailableError(facts)  # a stream torn by a server or proxy that went away; Quire itself names a reason
    return _CLASSES.get(facts.code, FaultError)(facts)


def _facts(error: FailedCall) -> Facts:
    info, violations = error_details_pb2.ErrorInfo(), dict[str, str]()
    quota, retry_after = dict[str, str](), None
    for detail in _details(error):
        bad, exceeded, retry = (
            error_details_pb2.BadRequest(),
            error_details_pb2.QuotaFailure(),
            error_details_pb2.RetryInfo(),
        )
        detail.Unpack(info)
        if detail.Unpack(bad):
            violations = {violation.field: violation.description for violation in bad.field_violations}
        elif detail.Unpack(exceeded):
            quota = {violation.subject: violation.description for violation in exceeded.violations}
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    message = error.details() or error.code().name
    return Facts(error.code(), info.reason, message, dict(info.metadata), violations, quota, retry_after)


def _details(error: FailedCall) -> Iterator[AnyMessage]:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            yield from status_pb2.Status.FromString(value).details
