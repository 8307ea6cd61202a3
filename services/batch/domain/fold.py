"""The fold: what an event does to a document (DESIGN §3.6). One pure function; everything else is how it is stored.

An event counts only if its token is the document's current lease. One exception: a success from any attempt of this
retry generation finishes a document that is still open. A final status is never left. Within an attempt, stage and
pages only grow. So a repeated, late or reordered event never counts twice.
"""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from batch.domain import keys, retries
from batch.domain.events import Event, Extracted, Failed, Lost, Progressed, Ref, Released, Spent, Stage, TimedOut
from batch.domain.status import FINAL_DOCUMENT, DocumentStatus
from chassis.failures import CATALOGUE, FailureCode


@dataclass(frozen=True, slots=True)
class ErrorNote:
    """Why a document failed, or why its last attempt did."""

    code: FailureCode
    message: str
    phase: Stage


@dataclass(frozen=True, slots=True)
class Result:
    """Where a document's result is."""

    key: str
    sha256: str
    size_bytes: int
    ungrounded_fields: int


@dataclass(frozen=True, slots=True)
class DocumentState:
    """What the fold needs to know of a document."""

    id: UUID
    tenant_id: UUID
    batch_id: UUID
    status: DocumentStatus
    attempt: int
    lease_token: UUID | None
    retry_generation: int
    cancel_requested: bool
    max_failures: int
    stage: Stage = Stage.NONE
    pages_done: int = 0
    pages_total: int = 0
    media_type: str = ""
    failures: int = 0
    losses: int = 0
    error: ErrorNote | None = None
    retry_in: float | None = None
    """Seconds until the next attempt is due, when the fold has just decided on one."""
    result: Result | None = None

    def is_current(self, ref: Ref) -> bool:
        """Whether an attempt holds the lease."""
        return self.status is DocumentStatus.PROCESSING and self.lease_token == ref.lease_token

    def owns_result(self, key: str) -> bool:
        """Whether a key is one that an attempt at this document was given for its result."""
        attempt = parts.attempt if (parts := keys.parse(key)) else None
        return bool(attempt) and attempt <= self.attempt and key == self._result_key(attempt)

    def _result_key(self, attempt: int) -> str:
        return keys.result_key(self.tenant_id, self.batch_id, self.id, attempt)


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """What an attempt came to, for the timeline."""

    outcome: str
    error: ErrorNote | None = None
    spent: Spent | None = None
    """None when nobody has reported a cost; a later report may still come."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What an event did."""

    state: DocumentState
    moved: bool
    """False for a stale event: at most the timeline and the cost learn of it."""
    end: AttemptEnd | None = None


def fold(state: DocumentState, event: Event, jitter: float) -> Folded:
    """Apply one event to one document.

    Args:
        state: the document as it is.
        event: what happened; its document is the state's.
        jitter: a random number in [0, 1) that spreads retries.
    """
    match event:
        case Progressed():
            return _progressed(state, event)
        case Extracted():
            return _extracted(state, event)
        case Failed():
            return _ended(state, event.ref, _failed(state, event, jitter), _end_of_failed(event))
        case Released():
            return _ended(state, event.ref, _released(state, event), _end_of_released(event))
        case Lost():
            return _ended(state, event.ref, _lost(state, jitter), AttemptEnd("lost", _LOST))
        case TimedOut():
            return _ended(state, event.ref, _failure(state, _TIMED_OUT, jitter), AttemptEnd("lost", _TIMED_OUT))
        case _:
            assert_never(event)


_LOST = ErrorNote(FailureCode.WORKER_LOST, "the worker went away", Stage.NONE)
_TIMED_OUT = ErrorNote(FailureCode.DOCUMENT_TIMEOUT, "the attempt took longer than it may", Stage.NONE)
_CANCELLED = ErrorNote(FailureCode.CANCELLED, "cancelled by its owner", Stage.NONE)


def _progressed(state: DocumentState, event: Progressed) -> Folded:
    if not state.is_current(event.ref):
        return Folded(state, moved=False)
    total = max(state.pages_total, event.pages_total, 0)
    grown = replace(
        state,
        stage=max(state.stage, event.stage),
        pages_total=total,
        pages_done=max(state.pages_done, min(max(event.pages_done, 0), total)),
        media_type=event.media_type or state.media_type,
    )
    return Folded(grown, moved=grown != state)


def _extracted(state: DocumentState, event: Extracted) -> Folded:
    end = AttemptEnd("succeeded", spent=event.spent)
    known = event.ref.attempt <= state.attempt and event.ref.retry_generation == state.retry_generation
    if state.status in FINAL_DOCUMENT or not known:
        return Folded(state, moved=False, end=end)
    result = Result(event.result_key, event.result_sha256, event.result_size_bytes, event.ungrounded_fields)
    return Folded(_finish(state, DocumentStatus.SUCCEEDED, None, event.pages, event.media_type, result), True, end)


def _finish(
    state: DocumentState,
    status: DocumentStatus,
    error: ErrorNote | None,
    pages: int = 0,
    media_type: str = "",
    result: Result | None = None,
) -> DocumentState:
    total = max(pages, state.pages_total)
    return replace(
        _unleased(state, status),
        error=error,
        result=result,
        pages_total=total,
        pages_done=total if result else state.pages_done,
        media_type=media_type or state.media_type,
    )


def _unleased(state: DocumentState, status: DocumentStatus) -> DocumentState:
    return replace(state, status=status, lease_token=None, stage=Stage.NONE, retry_in=None)


def _ended(state: DocumentState, ref: Ref, then: DocumentState, end: AttemptEnd) -> Folded:
    if not state.is_current(ref):
        return Folded(state, moved=False, end=end)
    if state.cancel_requested:
        cancelled = replace(end, outcome="cancelled")
        return Folded(_finish(state, DocumentStatus.CANCELLED, _CANCELLED), moved=True, end=cancelled)
    return Folded(then, moved=True, end=end)


def _failed(state: DocumentState, event: Failed, jitter: float) -> DocumentState:
    if event.code is FailureCode.CANCELLED:
        return _wait(state, None, 0.0)
    note = ErrorNote(event.code, event.message, event.phase)
    seen = replace(
        state, pages_total=max(event.pages, state.pages_total), media_type=event.media_type or state.media_type
    )
    return _failure(seen, note, jitter)


def _failure(state: DocumentState, note: ErrorNote, jitter: float) -> DocumentState:
    spent = replace(state, failures=state.failures + 1)
    if CATALOGUE[note.code].retryable and spent.failures < state.max_failures:
        return _wait(spent, note, retries.delay_after_failure(spent.failures, jitter))
    return _finish(spent, DocumentStatus.FAILED, note)


def _released(state: DocumentState, event: Released) -> DocumentState:
    note = ErrorNote(event.code, event.message, state.stage) if event.code else None
    return _wait(state, note, max(event.retry_after, 0.0))


def _lost(state: DocumentState, jitter: float) -> DocumentState:
    lost = replace(state, losses=state.losses + 1)
    if lost.losses < retries.MAX_LOSSES:
        return _wait(lost, _LOST, retries.delay_after_loss(lost.losses, jitter))
    message = f"{lost.losses} workers went away while they had it"
    return _finish(lost, DocumentStatus.FAILED, ErrorNote(FailureCode.POISON_DOCUMENT, message, state.stage))


def _wait(state: DocumentState, note: ErrorNote | None, seconds: float) -> DocumentState:
    return replace(_unleased(state, DocumentStatus.RETRY_WAIT), error=note, retry_in=seconds, pages_done=0, result=None)


def _end_of_failed(event: Failed) -> AttemptEnd:
    return AttemptEnd("failed", ErrorNote(event.code, event.message, event.phase), event.spent)


def _end_of_released(event: Released) -> AttemptEnd:
    note = ErrorNote(event.code, event.message, Stage.NONE) if event.code else None
    return AttemptEnd("released", note, event.spent)
