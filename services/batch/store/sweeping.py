"""Statements of the sweeps: what time alone brings about, and what should never be needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from batch.store.database import Tx, execute, json_text, rows


async def unsettled(tx: Tx, limit: int) -> list[UUID]:
    """Find sealed batches that are not final although all their documents are; there should be none."""
    statement = """
        SELECT id FROM batch_processes
         WHERE status IN ('QUEUED','PROCESSING','CANCELLING') AND processed_documents = total_documents
         ORDER BY id LIMIT :limit"""
    return [one.id for one in await rows(tx, statement, limit=limit)]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events that nobody could publish for long."""

    count: int
    oldest_seconds: float


async def stale_outbox(tx: Tx, older_than_seconds: float) -> Backlog:
    """Count events that have waited so long for a confirm."""
    statement = """
        SELECT count(*)::int AS n, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS seconds
          FROM outbox WHERE created_at < now() - make_interval(secs => :seconds)"""
    found = (await rows(tx, statement, seconds=older_than_seconds))[0]
    return Backlog(found.n, found.seconds)


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An attempt at a document that has long been final, whose result nobody will ask for unless it won."""

    document_id: UUID
    attempt: int
    tenant_id: UUID
    batch_id: UUID
    result_key: str | None
    """Of the document: the key of the attempt that won."""


async def ended_attempts(tx: Tx, older_than_hours: int, limit: int) -> list[EndedAttempt]:
    """Find attempts not collected yet at documents that became final so long ago; no late success can win any more."""
    statement = """
        SELECT a.document_id, a.attempt, d.tenant_id, d.batch_id, d.result_key
          FROM document_attempts a JOIN documents d ON d.id = a.document_id
         WHERE NOT a.collected AND d.status IN ('SUCCEEDED','FAILED','CANCELLED','EXPIRED')
           AND d.finished_at < now() - make_interval(hours => :hours)
         ORDER BY a.claimed_at LIMIT :limit"""
    return [EndedAttempt(*one) for one in await rows(tx, statement, hours=older_than_hours, limit=limit)]


async def collected(tx: Tx, attempts: Sequence[EndedAttempt]) -> None:
    """Note that whatever these attempts stored in vain is removed."""
    statement = """
        UPDATE document_attempts a SET collected = true
          FROM jsonb_to_recordset(CAST(:attempts AS jsonb)) AS c(document_id uuid, attempt int)
         WHERE a.document_id = c.document_id AND a.attempt = c.attempt"""
    await execute(tx, statement, attempts=json_text(attempts))


@dataclass(frozen=True, slots=True)
class Seen:
    """An object found in the store."""

    key: str
    document_id: UUID
    attempt: int | None
    """None for an upload."""
    modified_at: datetime


_ORPHANS = """
SELECT s.key
  FROM jsonb_to_recordset(CAST(:seen AS jsonb)) AS s(key text, document_id uuid, attempt int, modified_at timestamptz)
 WHERE s.modified_at < now() - make_interval(hours => :hours)
   AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.id = s.document_id AND s.key IN (d.object_key, d.result_key))
   AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.object_key = s.key)
   AND NOT EXISTS (SELECT 1 FROM document_attempts a
                    WHERE a.document_id = s.document_id AND a.attempt = s.attempt AND NOT a.collected)
"""


async def orphans(tx: Tx, seen: Sequence[Seen], older_than_hours: int) -> list[str]:
    """Those of some objects that are so old and that no row names."""
    return [one.key for one in await rows(tx, _ORPHANS, seen=json_text(seen), hours=older_than_hours)]
