"""Statements that read and announce documents, and those around their uploads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batch.domain.status import DocumentStatus
from batch.store.counting import COUNT_MOVED
from batch.store.database import Tx, columns, execute, json_text, row, rows
from batch.store.rows import DOCUMENT, BatchRow, DocumentRow, batch_row, document_row

_INSERT = f"""
WITH announced AS (
    SELECT * FROM jsonb_to_recordset(CAST(:announced AS jsonb))
        AS a(id uuid, position int, name text, size_bytes bigint, expected_sha256 text, media_type text)
), moved AS (
    INSERT INTO documents (id, batch_id, tenant_id, position, name, size_bytes, expected_sha256, media_type,
                           changed_version)
    SELECT a.id, b.id, b.tenant_id, a.position, a.name, a.size_bytes, a.expected_sha256, a.media_type, b.version + 1
      FROM announced a, batch_processes b
     WHERE b.id = :batch_id
    RETURNING batch_id, NULL::text AS was, status,
              0 AS pages, 0 AS bytes, 0 AS input_tokens, 0 AS output_tokens, 0 AS cost_micros
), {COUNT_MOVED}
"""


@dataclass(frozen=True, slots=True)
class Announced:
    """A document to insert."""

    id: UUID
    position: int
    name: str
    size_bytes: int
    expected_sha256: str
    media_type: str


async def insert(tx: Tx, batch_id: UUID, announced: Sequence[Announced]) -> BatchRow:
    """Insert documents of a locked draft and count them."""
    found = await rows(tx, _INSERT, batch_id=batch_id, announced=json_text(announced))
    return batch_row(found[0])


async def get(tx: Tx, tenant_id: UUID, batch_id: UUID, document_id: UUID) -> DocumentRow | None:
    """Read a document of a tenant's batch."""
    statement = f"""
        SELECT {DOCUMENT} FROM documents d JOIN batch_processes b ON b.id = d.batch_id
         WHERE d.id = :id AND d.batch_id = :batch AND d.tenant_id = :tenant AND b.deleted_at IS NULL"""
    found = await row(tx, statement, id=document_id, batch=batch_id, tenant=tenant_id)
    return document_row(found) if found else None


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which documents of a batch, and from where."""

    statuses: Sequence[str] = ()
    error_codes: Sequence[str] = ()
    after_position: int = 0


async def list_page(tx: Tx, batch_id: UUID, wanted: ListFilter, limit: int) -> list[DocumentRow]:
    """Read a page of documents by position."""
    statement = f"""
        SELECT {DOCUMENT} FROM documents d
         WHERE d.batch_id = :batch AND d.position > :after
           AND (cardinality(CAST(:statuses AS text[])) = 0 OR d.status = ANY(:statuses))
           AND (cardinality(CAST(:codes AS text[])) = 0 OR d.error_code = ANY(:codes))
         ORDER BY d.position LIMIT :limit"""
    found = await rows(
        tx,
        statement,
        batch=batch_id,
        after=wanted.after_position,
        statuses=list(wanted.statuses),
        codes=list(wanted.error_codes),
        limit=limit,
    )
    return [document_row(one) for one in found]


@dataclass(frozen=True, slots=True)
class Seen:
    """How far a watcher has read the changes of a batch."""

    version: int
    position: int = 2**31 - 1


async def changed_since(tx: Tx, batch_id: UUID, seen: Seen, limit: int) -> list[DocumentRow]:
    """Read documents that changed behind a place, the longest unchanged first."""
    statement = f"""
        SELECT {DOCUMENT} FROM documents d
         WHERE d.batch_id = :batch AND d.changed_version >= :version
           AND (d.changed_version, d.position) > (:version, :position)
         ORDER BY d.changed_version, d.position LIMIT :limit"""
    found = await rows(tx, statement, batch=batch_id, version=seen.version, position=seen.position, limit=limit)
    return [document_row(one) for one in found]


async def statuses(tx: Tx, batch_id: UUID, document_ids: Sequence[UUID]) -> dict[UUID, DocumentStatus]:
    """Where documents of a locked batch are; those that are not of it are left out."""
    statement = "SELECT id, status FROM documents WHERE batch_id = :batch AND id = ANY(:ids)"
    found = await rows(tx, statement, batch=batch_id, ids=list(document_ids))
    return {one.id: DocumentStatus(one.status) for one in found}


async def missing_uploads(tx: Tx, batch_id: UUID, limit: int) -> list[str]:
    """Names of documents whose bytes never arrived."""
    statement = """
        SELECT name FROM documents WHERE batch_id = :batch AND status = 'PENDING_UPLOAD'
         ORDER BY position LIMIT :limit"""
    return [one.name for one in await rows(tx, statement, batch=batch_id, limit=limit)]


async def largest(tx: Tx, batch_id: UUID) -> DocumentRow:
    """The largest document of a batch that has some."""
    statement = f"SELECT {DOCUMENT} FROM documents d WHERE d.batch_id = :batch ORDER BY d.size_bytes DESC LIMIT 1"
    return document_row((await rows(tx, statement, batch=batch_id))[0])


async def last_position(tx: Tx, batch_id: UUID) -> int:
    """The highest position in use; 0 in an empty batch."""
    statement = "SELECT coalesce(max(position), 0) AS n FROM documents WHERE batch_id = :batch"
    return int((await rows(tx, statement, batch=batch_id))[0].n)


_REMOVE = f"""
WITH gone AS (
    DELETE FROM documents
     WHERE batch_id = :batch
       AND CASE WHEN CAST(:document AS uuid) IS NULL THEN status = 'PENDING_UPLOAD' ELSE id = :document END
    RETURNING batch_id, status, CASE WHEN object_key IS NULL THEN 0 ELSE size_bytes END AS uploaded_bytes
), moved AS (
    SELECT batch_id, status AS was, NULL::text AS status,
           0 AS pages, -uploaded_bytes AS bytes, 0 AS input_tokens, 0 AS output_tokens, 0 AS cost_micros
      FROM gone
), {COUNT_MOVED}
"""


async def remove(tx: Tx, batch_id: UUID, document_id: UUID) -> BatchRow | None:
    """Remove a document of a locked draft. None when it is not there."""
    found = await row(tx, _REMOVE, batch=batch_id, document=document_id)
    return batch_row(found) if found else None


async def drop_incomplete(tx: Tx, batch_id: UUID) -> BatchRow | None:
    """Remove documents of a locked draft whose bytes never arrived."""
    found = await row(tx, _REMOVE, batch=batch_id, document=None)
    return batch_row(found) if found else None


async def begin_upload(tx: Tx, document: DocumentRow, object_key: str) -> None:
    """Remember a key before anything is written under it, so that losers can be collected."""
    await execute(
        tx,
        "INSERT INTO uploads (object_key, tenant_id, batch_id, document_id) VALUES (:key, :tenant, :batch, :document)",
        key=object_key,
        tenant=document.tenant_id,
        batch=document.batch_id,
        document=document.id,
    )


async def knows_upload(tx: Tx, document_id: UUID, object_key: str) -> bool:
    """Whether a key was handed out for a document."""
    statement = "SELECT 1 FROM uploads WHERE object_key = :key AND document_id = :document"
    return await row(tx, statement, key=object_key, document=document_id) is not None


_COMPLETE = f"""
WITH moved AS (
    UPDATE documents d
       SET status = 'UPLOADED', object_key = :key, size_bytes = :size, sha256 = :sha256, uploaded_at = now(),
           media_type = CASE WHEN :media_type = '' THEN d.media_type ELSE :media_type END,
           changed_version = b.version + 1,
           duplicate_of = (SELECT o.id FROM documents o
                            WHERE o.batch_id = d.batch_id AND o.sha256 = :sha256 AND o.id <> d.id
                            ORDER BY o.position LIMIT 1)
      FROM batch_processes b
     WHERE d.id = :document AND b.id = d.batch_id AND d.status = 'PENDING_UPLOAD'
    RETURNING d.batch_id, 'PENDING_UPLOAD' AS was, d.status,
              0 AS pages, d.size_bytes AS bytes, 0 AS input_tokens, 0 AS output_tokens, 0 AS cost_micros
), {COUNT_MOVED}
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What an upload wrote."""

    object_key: str
    size_bytes: int
    sha256: str
    media_type: str


async def complete_upload(tx: Tx, document_id: UUID, stored: Stored) -> BatchRow | None:
    """Let an upload win if none has yet; the batch is locked. None when another one won before."""
    found = await row(
        tx,
        _COMPLETE,
        document=document_id,
        key=stored.object_key,
        size=stored.size_bytes,
        sha256=stored.sha256,
        media_type=stored.media_type,
    )
    return batch_row(found) if found else None


async def attempts(tx: Tx, document_id: UUID, after_attempt: int, limit: int) -> list[dict[str, Any]]:
    """Read the timeline of a document, oldest first."""
    statement = """
        SELECT attempt, worker, claimed_at, ended_at, outcome, error_code, error_message, error_phase,
               input_tokens, output_tokens, cost_micros
          FROM document_attempts WHERE document_id = :id AND attempt > :after ORDER BY attempt LIMIT :limit"""
    found = await rows(tx, statement, id=document_id, after=after_attempt, limit=limit)
    return [dict(columns(one)) for one in found]


async def lost_uploads(tx: Tx, older_than_hours: int, limit: int) -> Sequence[str]:
    """Find keys that were handed out long ago and lost, or were never written."""
    statement = """
        SELECT u.object_key FROM uploads u LEFT JOIN documents d ON d.id = u.document_id
         WHERE u.begun_at < now() - make_interval(hours => :hours) AND d.object_key IS DISTINCT FROM u.object_key
         ORDER BY u.begun_at LIMIT :limit"""
    return [one.object_key for one in await rows(tx, statement, hours=older_than_hours, limit=limit)]


async def forget_uploads(tx: Tx, object_keys: Sequence[str]) -> None:
    """Remove keys whose objects are collected."""
    await execute(tx, "DELETE FROM uploads WHERE object_key = ANY(:keys)", keys=list(object_keys))
