"""Statements that hold batches and let them go: what waits is taken back from the broker, what runs goes on."""

from enum import StrEnum
from uuid import UUID

from batch.store.database import Tx, execute, rows
from batch.store.rows import BATCH, BatchRow, batch_row


class Hold(StrEnum):
    """Why waiting documents of a batch do not run, as `batch_processes.holds` has it."""

    PAUSED_BY_USER = "PAUSED_BY_USER"


_HOLD = f"""
UPDATE batch_processes b
   SET holds = b.holds || CAST(:hold AS text), version = b.version + 1, updated_at = now()
 WHERE b.id = :id
RETURNING {BATCH}
"""


async def hold(tx: Tx, batch_id: UUID, reason: Hold) -> BatchRow:
    """Hold a locked batch that this reason does not hold yet, and withdraw its dispatches."""
    held = batch_row((await rows(tx, _HOLD, id=batch_id, hold=reason))[0])
    await _withdraw(tx, batch_id)
    return held


_RELEASE = f"""
UPDATE batch_processes b
   SET holds = array_remove(b.holds, CAST(:hold AS text)), version = b.version + 1, updated_at = now()
 WHERE b.id = :id
RETURNING {BATCH}
"""


async def release(tx: Tx, batch_id: UUID, reason: Hold) -> BatchRow:
    """Undo the hold of a locked batch; a dispatch that slipped in meanwhile is withdrawn, so that it is made anew."""
    await _withdraw(tx, batch_id)
    return batch_row((await rows(tx, _RELEASE, id=batch_id, hold=reason))[0])


async def _withdraw(tx: Tx, batch_id: UUID) -> None:
    """Forget dispatches nobody claimed: their jobs answer GONE, and the dispatcher chooses the documents again."""
    statement = """
        UPDATE documents SET dispatch_id = NULL, dispatched_at = NULL
         WHERE id IN (SELECT id FROM documents
                       WHERE batch_id = :batch AND status IN ('QUEUED','RETRY_WAIT') AND dispatch_id IS NOT NULL
                       ORDER BY id FOR UPDATE)"""
    await execute(tx, statement, batch=batch_id)
