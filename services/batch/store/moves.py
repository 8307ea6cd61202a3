"""Statements that move documents from status to status; each counts what it moved (see `counting`).

The batches concerned are locked by the caller; documents are locked here, in the order of their ids.
"""

from collections.abc import Sequence
from uuid import UUID

from batch.store.counting import COUNT_MOVED, NOTHING_SPENT
from batch.store.database import Tx, row, rows
from batch.store.rows import BATCH, BatchRow, batch_row

_QUEUE_UPLOADED = f"""
WITH moved AS (
    UPDATE documents d SET status = 'QUEUED', changed_version = b.version + 1
      FROM batch_processes b
     WHERE b.id = :batch AND d.batch_id = b.id AND d.status = 'UPLOADED'
    RETURNING d.batch_id, 'UPLOADED' AS was, d.status, {NOTHING_SPENT}
), {COUNT_MOVED}
"""


async def queue_uploaded(tx: Tx, batch_id: UUID) -> BatchRow | None:
    """Queue every uploaded document of a batch."""
    found = await row(tx, _QUEUE_UPLOADED, batch=batch_id)
    return batch_row(found) if found else None


_END_WAITING = f"""
WITH old AS (
    SELECT id, status FROM documents
     WHERE batch_id = ANY(:batches) AND status IN ('PENDING_UPLOAD','UPLOADED','QUEUED','RETRY_WAIT')
       AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(:ids))
     ORDER BY id FOR UPDATE
), moved AS (
    UPDATE documents d
       SET status = :status, error_code = :code, error_message = :message, error_phase = '', dispatch_id = NULL,
           dispatched_at = NULL, next_attempt_at = NULL, finished_at = now(), changed_version = b.version + 1
      FROM old, batch_processes b
     WHERE d.id = old.id AND b.id = d.batch_id
    RETURNING d.batch_id, old.status AS was, d.status, {NOTHING_SPENT}
), {COUNT_MOVED}
"""


async def cancel_waiting(tx: Tx, batch_id: UUID, document_ids: Sequence[UUID] | None = None) -> BatchRow | None:
    """Cancel documents that nobody works on: all of a batch, or those named. None when there are none."""
    found = await _end_waiting(tx, [batch_id], "CANCELLED", "CANCELLED", "cancelled by its owner", document_ids)
    return found[0] if found else None


async def expire_waiting(tx: Tx, batch_ids: Sequence[UUID]) -> list[BatchRow]:
    """Expire every document that nobody works on."""
    return await _end_waiting(tx, batch_ids, "EXPIRED", "DEADLINE_EXCEEDED", "the batch reached its deadline")


async def _end_waiting(
    tx: Tx, batch_ids: Sequence[UUID], status: str, code: str, message: str, ids: Sequence[UUID] | None = None
) -> list[BatchRow]:
    named = None if ids is None else list(ids)
    found = await rows(tx, _END_WAITING, batches=list(batch_ids), status=status, code=code, message=message, ids=named)
    return [batch_row(one) for one in found]


_ASK_TO_STOP = f"""
WITH old AS (
    SELECT id FROM documents
     WHERE batch_id = :batch AND status = 'PROCESSING' AND NOT cancel_requested
       AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(:ids))
     ORDER BY id FOR UPDATE
), asked AS (
    UPDATE documents d SET cancel_requested = true, changed_version = b.version + 1
      FROM old, batch_processes b
     WHERE d.id = old.id AND b.id = d.batch_id
    RETURNING d.batch_id
)
UPDATE batch_processes b SET version = b.version + 1, updated_at = now()
 WHERE b.id IN (SELECT batch_id FROM asked)
RETURNING {BATCH}
"""


async def ask_to_stop(tx: Tx, batch_id: UUID, document_ids: Sequence[UUID] | None = None) -> BatchRow | None:
    """Mark running documents, all of a batch or those named; their workers are told on their line of life.

    None when there are none, or none that were not asked before.
    """
    named = None if document_ids is None else list(document_ids)
    found = await row(tx, _ASK_TO_STOP, batch=batch_id, ids=named)
    return batch_row(found) if found else None


_RETRY = f"""
WITH old AS (
    SELECT id, status FROM documents
     WHERE batch_id = :batch AND status IN ('FAILED','CANCELLED','EXPIRED') AND object_key IS NOT NULL
       AND (cardinality(CAST(:ids AS uuid[])) = 0 OR id = ANY(:ids))
       AND (cardinality(CAST(:codes AS text[])) = 0 OR error_code = ANY(:codes))
     ORDER BY id FOR UPDATE
), moved AS (
    UPDATE documents d
       SET status = 'QUEUED', failures = 0, losses = 0, retry_generation = d.retry_generation + 1,
           error_code = NULL, error_message = NULL, error_phase = NULL, cancel_requested = false,
           finished_at = NULL, pages_done = 0, changed_version = b.version + 1
      FROM old, batch_processes b
     WHERE d.id = old.id AND b.id = d.batch_id
    RETURNING d.batch_id, old.status AS was, d.status, {NOTHING_SPENT}
), {COUNT_MOVED}
"""


async def retry(tx: Tx, batch_id: UUID, document_ids: Sequence[UUID], codes: Sequence[str]) -> BatchRow | None:
    """Queue final documents without a result again, with fresh budgets. None when there are none."""
    found = await row(tx, _RETRY, batch=batch_id, ids=list(document_ids), codes=list(codes))
    return batch_row(found) if found else None
