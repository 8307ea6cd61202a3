"""Statements of the purge: contents go, statuses and counters stay, and the objects are removed twice (DESIGN §4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from batch.store.database import Tx, execute, row, rows

_DUE = """
    b.purged_at IS NULL AND b.completed_at IS NOT NULL AND (b.deleted_at IS NOT NULL OR b.purge_at <= now())
    AND NOT EXISTS (SELECT 1 FROM batch_processes o WHERE o.source_batch_id = b.id AND o.purged_at IS NULL)
"""
"""Final, so that no lease is held; deleted or kept long enough; and no other batch still works on its uploads."""


async def due(tx: Tx, limit: int) -> list[UUID]:
    """Find batches whose contents are to go: final, and deleted or past their retention."""
    statement = f"SELECT b.id FROM batch_processes b WHERE {_DUE} LIMIT :limit"
    return [one.id for one in await rows(tx, statement, limit=limit)]


_BLANK_BATCH = f"""
UPDATE batch_processes b
   SET name = '', description = '', extraction_prompt = '', output_schema = NULL, error = NULL, purged_at = now(),
       sweep_at = now(), version = b.version + 1, updated_at = now()
 WHERE b.id = :id AND {_DUE}
RETURNING b.id
"""
# A success keeps its key, which tells nothing but ids, and so result_if_and_only_if_succeeded holds.
_BLANK_DOCUMENTS = """
UPDATE documents d
   SET name = '', sha256 = '', expected_sha256 = '', media_type = '', object_key = NULL, error_message = NULL,
       result_sha256 = NULL, changed_version = b.version
  FROM batch_processes b
 WHERE b.id = :id AND d.batch_id = b.id
"""


async def purge(tx: Tx, batch_id: UUID) -> bool:
    """Blank the contents of a batch that is still due; False when it is not, or somebody is just changing it."""
    locked = "SELECT 1 FROM batch_processes WHERE id = :id FOR UPDATE SKIP LOCKED"
    if await row(tx, locked, id=batch_id) is None or await row(tx, _BLANK_BATCH, id=batch_id) is None:
        return False
    await execute(tx, _BLANK_DOCUMENTS, id=batch_id)
    attempts = """
        UPDATE document_attempts SET error_message = NULL, collected = true
         WHERE document_id IN (SELECT id FROM documents WHERE batch_id = :id)"""
    await execute(tx, attempts, id=batch_id)
    await execute(tx, "DELETE FROM uploads WHERE batch_id = :id", id=batch_id)
    await execute(tx, "DELETE FROM terminal_events WHERE batch_id = :id", id=batch_id)
    return True


@dataclass(frozen=True, slots=True)
class Swept:
    """A purged batch whose objects are to be removed."""

    id: UUID
    tenant_id: UUID


async def to_sweep(tx: Tx, limit: int) -> Sequence[Swept]:
    """Find purged batches whose objects are due, the longest due first."""
    statement = "SELECT id, tenant_id FROM batch_processes WHERE sweep_at <= now() ORDER BY sweep_at LIMIT :limit"
    return [Swept(*one) for one in await rows(tx, statement, limit=limit)]


async def swept(tx: Tx, batch_id: UUID) -> None:
    """Note that the objects are removed; a day after the purge they are again, since a writer may have been late."""
    statement = """
        UPDATE batch_processes
           SET sweep_at = CASE WHEN now() < purged_at + interval '1 day' THEN purged_at + interval '1 day' END
         WHERE id = :id"""
    await execute(tx, statement, id=batch_id)
