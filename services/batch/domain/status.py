"""Where a batch and a document are, and what follows from the counters (DESIGN §4)."""

from dataclasses import dataclass
from enum import StrEnum


class BatchStatus(StrEnum):
    """Where a batch is; the comment says who moves it on."""

    PENDING = "PENDING"  # SealBatch, CancelBatch, or the sweeper after 24 idle hours
    QUEUED = "QUEUED"  # the first claim
    PROCESSING = "PROCESSING"  # the fold of the last open document
    CANCELLING = "CANCELLING"  # the fold of the last running document
    COMPLETED = "COMPLETED"  # RetryDocuments never: nothing to retry
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"  # RetryDocuments
    FAILED = "FAILED"  # RetryDocuments
    CANCELLED = "CANCELLED"  # RetryDocuments
    EXPIRED = "EXPIRED"  # RetryDocuments


class DocumentStatus(StrEnum):
    """Where a document is; the comment says who moves it on."""

    PENDING_UPLOAD = "PENDING_UPLOAD"  # CompleteUpload
    UPLOADED = "UPLOADED"  # SealBatch
    QUEUED = "QUEUED"  # a claim
    PROCESSING = "PROCESSING"  # the fold of its worker's event, or the rescuer
    RETRY_WAIT = "RETRY_WAIT"  # a claim, once due
    SUCCEEDED = "SUCCEEDED"  # nobody
    FAILED = "FAILED"  # RetryDocuments
    CANCELLED = "CANCELLED"  # RetryDocuments
    EXPIRED = "EXPIRED"  # RetryDocuments


FINAL_BATCH = frozenset(
    {
        BatchStatus.COMPLETED,
        BatchStatus.COMPLETED_WITH_ERRORS,
        BatchStatus.FAILED,
        BatchStatus.CANCELLED,
        BatchStatus.EXPIRED,
    }
)
FINAL_DOCUMENT = frozenset(
    {DocumentStatus.SUCCEEDED, DocumentStatus.FAILED, DocumentStatus.CANCELLED, DocumentStatus.EXPIRED}
)
CLAIMABLE = frozenset({DocumentStatus.QUEUED, DocumentStatus.RETRY_WAIT})
OPEN_AFTER_SEAL = CLAIMABLE | {DocumentStatus.PROCESSING}


@dataclass(frozen=True, slots=True)
class Counters:
    """How many documents of a batch stand in each status."""

    total: int = 0
    pending_upload: int = 0
    uploaded: int = 0
    queued: int = 0
    processing: int = 0
    retry_wait: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0

    @property
    def final(self) -> int:
        """Documents for which nothing more will be tried."""
        return self.succeeded + self.failed + self.cancelled + self.expired

    @property
    def open(self) -> int:
        """Documents that are not final."""
        return self.total - self.final


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """All that a batch's status follows from."""

    counters: Counters
    sealed: bool
    started: bool
    cancel_requested: bool
    draft_expired: bool


def status_of(facts: BatchFacts) -> BatchStatus:
    """Derive where a batch is; the one rule, applied after every change."""
    if not facts.sealed:
        return _status_of_draft(facts)
    if facts.counters.open == 0:
        return final_status(facts.counters, cancel_requested=facts.cancel_requested)
    if facts.cancel_requested:
        return BatchStatus.CANCELLING
    return BatchStatus.PROCESSING if facts.started else BatchStatus.QUEUED


def _status_of_draft(facts: BatchFacts) -> BatchStatus:
    if facts.cancel_requested:
        return BatchStatus.CANCELLED
    return BatchStatus.EXPIRED if facts.draft_expired else BatchStatus.PENDING


def final_status(counters: Counters, *, cancel_requested: bool) -> BatchStatus:
    """Say what a batch came to once nothing is open."""
    if counters.cancelled and (cancel_requested or counters.cancelled == counters.total):
        return BatchStatus.CANCELLED
    if counters.expired:
        return BatchStatus.EXPIRED
    if counters.succeeded == 0:
        return BatchStatus.FAILED
    if counters.succeeded == counters.total:
        return BatchStatus.COMPLETED
    return BatchStatus.COMPLETED_WITH_ERRORS
