"""Rows as the service sees them."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from batch.domain.status import BatchFacts, BatchStatus, Counters, DocumentStatus
from batch.store.database import columns


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of batch_processes."""

    id: UUID
    tenant_id: UUID
    user_id: str
    name: str
    description: str
    extraction_prompt: str
    output_schema: str | None
    options: dict[str, Any]
    tier: str
    limits: dict[str, Any]
    source_batch_id: UUID | None
    status: str
    holds: list[str]
    total_documents: int
    pending_upload: int
    uploaded: int
    queued: int
    processing: int
    retry_wait: int
    succeeded: int
    failed: int
    cancelled: int
    expired: int
    pages: int
    bytes: int
    input_tokens: int
    output_tokens: int
    cost_micros: int
    version: int
    sequence: int
    retry_generation: int
    terminal_event_id: UUID | None
    cancel_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    sealed_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    deadline_at: datetime | None
    draft_expired_at: datetime | None
    last_progress_at: datetime | None
    purge_at: datetime | None
    purged_at: datetime | None

    @property
    def counters(self) -> Counters:
        """Its documents by status."""
        return Counters(
            self.total_documents,
            self.pending_upload,
            self.uploaded,
            self.queued,
            self.processing,
            self.retry_wait,
            self.succeeded,
            self.failed,
            self.cancelled,
            self.expired,
        )

    @property
    def facts(self) -> BatchFacts:
        """What its status follows from."""
        return BatchFacts(
            counters=self.counters,
            sealed=self.sealed_at is not None,
            started=self.started_at is not None,
            cancel_requested=self.cancel_requested_at is not None,
            draft_expired=self.draft_expired_at is not None,
        )

    @property
    def current(self) -> BatchStatus:
        """Its status."""
        return BatchStatus(self.status)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A row of documents, as its owner may see it."""

    id: UUID
    batch_id: UUID
    tenant_id: UUID
    position: int
    name: str
    size_bytes: int
    sha256: str
    expected_sha256: str
    media_type: str
    object_key: str | None
    status: str
    stage: str
    pages_done: int
    pages_total: int
    attempt: int
    cancel_requested: bool
    error_code: str | None
    error_message: str | None
    error_phase: str | None
    result_key: str | None
    ungrounded_fields: int
    input_tokens: int
    output_tokens: int
    cost_micros: int
    duplicate_of: UUID | None
    changed_version: int
    created_at: datetime
    uploaded_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None

    @property
    def current(self) -> DocumentStatus:
        """Its status."""
        return DocumentStatus(self.status)


@dataclass(frozen=True, slots=True)
class ErrorGroupRow:
    """Failed documents of a batch with one code."""

    batch_id: UUID
    error_code: str
    count: int


BATCH = ", ".join(f"b.{field.name}" for field in fields(BatchRow))
"""The columns of a BatchRow, of a table or CTE called b."""
DOCUMENT = ", ".join(f"d.{field.name}" for field in fields(DocumentRow))
"""The columns of a DocumentRow, of a table or CTE called d."""


def batch_row(found: Row[Any]) -> BatchRow:
    """Read a row selected by BATCH."""
    return BatchRow(**columns(found))


def document_row(found: Row[Any]) -> DocumentRow:
    """Read a row selected by DOCUMENT."""
    return DocumentRow(**columns(found))
