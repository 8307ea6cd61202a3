"""Statements about batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from batch.domain.status import BatchStatus
from batch.store.database import Tx, columns, execute, json_text, row, rows
from batch.store.rows import BATCH, BatchRow, ErrorGroupRow, batch_row

_INSERT = f"""
INSERT INTO batch_processes AS b
    (id, tenant_id, user_id, name, description, extraction_prompt, output_schema, options, tier, limits)
VALUES (:id, :tenant_id, :user_id, :name, :description, :extraction_prompt, :output_schema,
        CAST(:options AS jsonb), :tier, CAST(:limits AS jsonb))
RETURNING {BATCH}
"""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A draft to insert."""

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


async def insert(tx: Tx, new: NewBatch) -> BatchRow:
    """Insert a draft."""
    found = await rows(
        tx,
        _INSERT,
        id=new.id,
        tenant_id=new.tenant_id,
        user_id=new.user_id,
        name=new.name,
        description=new.description,
        extraction_prompt=new.extraction_prompt,
        output_schema=new.output_schema,
        options=json_text(new.options),
        tier=new.tier,
        limits=json_text(new.limits),
    )
    return batch_row(found[0])


_GET = f"SELECT {BATCH} FROM batch_processes b WHERE b.id = :id AND b.tenant_id = :tenant AND b.deleted_at IS NULL"


async def get(tx: Tx, tenant_id: UUID, batch_id: UUID) -> BatchRow | None:
    """Read a batch of a tenant."""
    found = await row(tx, _GET, id=batch_id, tenant=tenant_id)
    return batch_row(found) if found else None


async def lock(tx: Tx, tenant_id: UUID, batch_id: UUID) -> BatchRow | None:
    """Read and lock a batch of a tenant; documents are locked after it (DESIGN §3.7)."""
    found = await row(tx, _GET + " FOR UPDATE", id=batch_id, tenant=tenant_id)
    return batch_row(found) if found else None


async def lock_to_delete(tx: Tx, tenant_id: UUID, batch_id: UUID) -> tuple[BatchRow, bool] | None:
    """Read and lock a batch of a tenant, and whether it was deleted before."""
    statement = f"""
        SELECT {BATCH}, b.deleted_at IS NOT NULL AS deleted FROM batch_processes b
         WHERE b.id = :id AND b.tenant_id = :tenant FOR UPDATE"""
    found = await row(tx, statement, id=batch_id, tenant=tenant_id)
    if found is None:
        return None
    *fields, deleted = found
    return BatchRow(*fields), bool(deleted)


async def delete(tx: Tx, batch_id: UUID) -> None:
    """Hide a locked batch; whoever watches it is told by the newer version."""
    statement = (
        "UPDATE batch_processes SET deleted_at = now(), version = version + 1, updated_at = now() WHERE id = :id"
    )
    await execute(tx, statement, id=batch_id)


async def lock_many(tx: Tx, batch_ids: Sequence[UUID]) -> None:
    """Lock batches in the order of their ids."""
    await rows(tx, "SELECT 1 FROM batch_processes WHERE id = ANY(:ids) ORDER BY id FOR UPDATE", ids=list(batch_ids))


async def get_many(tx: Tx, batch_ids: Sequence[UUID]) -> list[BatchRow]:
    """Read batches of any tenant."""
    found = await rows(tx, f"SELECT {BATCH} FROM batch_processes b WHERE b.id = ANY(:ids)", ids=list(batch_ids))
    return [batch_row(one) for one in found]


async def versions(tx: Tx, batch_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Read the versions of batches of any tenant."""
    found = await rows(tx, "SELECT id, version FROM batch_processes WHERE id = ANY(:ids)", ids=list(batch_ids))
    return {one.id: one.version for one in found}


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which batches, and from where."""

    statuses: Sequence[str]
    name_contains: str
    ascending: bool
    after: tuple[datetime, UUID] | None


async def list_page(tx: Tx, tenant_id: UUID, wanted: ListFilter, limit: int) -> list[BatchRow]:
    """Read a page of a tenant's batches by (created_at, id)."""
    order, beyond = ("ASC", ">") if wanted.ascending else ("DESC", "<")
    cursor = f"AND (b.created_at, b.id) {beyond} (:created_at, :id)" if wanted.after else ""
    statement = f"""
        SELECT {BATCH} FROM batch_processes b
         WHERE b.tenant_id = :tenant AND b.deleted_at IS NULL
           AND (cardinality(CAST(:statuses AS text[])) = 0 OR b.status = ANY(:statuses))
           AND (CAST(:name AS text) = '' OR position(lower(CAST(:name AS text)) IN lower(b.name)) > 0) {cursor}
         ORDER BY b.created_at {order}, b.id {order} LIMIT :limit"""
    after = {"created_at": wanted.after[0], "id": wanted.after[1]} if wanted.after else {}
    found = await rows(
        tx,
        statement,
        tenant=tenant_id,
        statuses=list(wanted.statuses),
        name=wanted.name_contains,
        limit=limit,
        **after,
    )
    return [batch_row(one) for one in found]


_OPEN = "status IN ('PENDING','QUEUED','PROCESSING','CANCELLING')"


async def count_open(tx: Tx, tenant_id: UUID) -> int:
    """Count a tenant's batches that are neither final nor deleted."""
    statement = f"SELECT count(*) AS n FROM batch_processes WHERE tenant_id = :t AND {_OPEN} AND deleted_at IS NULL"
    found = await rows(tx, statement, t=tenant_id)
    return int(found[0].n)


async def error_groups(tx: Tx, batch_ids: Sequence[UUID]) -> list[ErrorGroupRow]:
    """Count failed documents by code, most frequent first."""
    statement = """
        SELECT batch_id, error_code, count(*)::int AS count FROM documents
         WHERE batch_id = ANY(:ids) AND status = 'FAILED'
         GROUP BY batch_id, error_code ORDER BY count DESC, error_code"""
    return [ErrorGroupRow(**columns(one)) for one in await rows(tx, statement, ids=list(batch_ids))]


_SEAL = f"""
UPDATE batch_processes b
   SET sealed_at = now(), deadline_at = now() + make_interval(secs => :deadline_seconds),
       purge_at = now() + make_interval(days => :retention_days),
       document_ids = (SELECT array_agg(id ORDER BY position) FROM documents WHERE batch_id = b.id)
 WHERE b.id = :id
RETURNING {BATCH}
"""


async def seal(tx: Tx, batch_id: UUID, *, deadline_seconds: float, retention_days: int) -> BatchRow:
    """Close a locked draft whose documents were just queued."""
    found = await rows(tx, _SEAL, id=batch_id, deadline_seconds=deadline_seconds, retention_days=retention_days)
    return batch_row(found[0])


_RETENTION = "now() + make_interval(days => (b.limits->>'retention_days')::int)"

_SET_STATUS = f"""
UPDATE batch_processes b
   SET status = c.status, sequence = b.sequence + 1, terminal_event_id = c.terminal_event_id,
       emitted_version = b.version,
       completed_at = CASE WHEN c.terminal_event_id IS NULL THEN NULL ELSE now() END, updated_at = now(),
       holds = CASE WHEN c.terminal_event_id IS NULL THEN b.holds ELSE '{{}}' END,
       purge_at = CASE WHEN c.terminal_event_id IS NULL THEN b.purge_at ELSE coalesce(b.purge_at, {_RETENTION}) END
  FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS c(id uuid, status text, terminal_event_id uuid)
 WHERE b.id = c.id
RETURNING {BATCH}
"""


async def set_status(tx: Tx, changes: Sequence[tuple[UUID, BatchStatus, UUID | None]]) -> list[BatchRow]:
    """Move locked batches on; a terminal event id comes with a final status and only with one.

    A draft that ends without ever being sealed is kept for as long as a sealed batch.
    """
    changed = [
        {"id": batch_id, "status": status, "terminal_event_id": event_id} for batch_id, status, event_id in changes
    ]
    return [batch_row(one) for one in await rows(tx, _SET_STATUS, changes=json_text(changed))]


async def mark_started(tx: Tx, batch_ids: Sequence[UUID]) -> None:
    """Note the first claim of batches."""
    await execute(
        tx,
        "UPDATE batch_processes SET started_at = now() WHERE id = ANY(:ids) AND started_at IS NULL",
        ids=list(batch_ids),
    )


_REQUEST_CANCEL = f"""
UPDATE batch_processes b
   SET cancel_requested_at = coalesce(b.cancel_requested_at, now()), holds = '{{}}',
       version = b.version + 1, updated_at = now()
 WHERE b.id = :id
RETURNING {BATCH}
"""


async def request_cancel(tx: Tx, batch_id: UUID) -> BatchRow:
    """Note that the owner cancelled a locked batch; nothing of it waits, so nothing holds it."""
    return batch_row((await rows(tx, _REQUEST_CANCEL, id=batch_id))[0])


_REOPEN = f"""
UPDATE batch_processes b
   SET retry_generation = b.retry_generation + 1, cancel_requested_at = NULL, terminal_event_id = NULL,
       completed_at = NULL, started_at = NULL, version = b.version + 1, updated_at = now(),
       deadline_at = now() + make_interval(secs => :deadline_seconds), purge_at = {_RETENTION}
 WHERE b.id = :id
RETURNING {BATCH}
"""


async def reopen(tx: Tx, batch_id: UUID, *, deadline_seconds: float) -> BatchRow:
    """Begin the next retry generation of a locked batch."""
    return batch_row((await rows(tx, _REOPEN, id=batch_id, deadline_seconds=deadline_seconds))[0])


async def fix_schema(tx: Tx, batch_id: UUID, output_schema: str) -> str:
    """Keep a derived schema unless there is one already; answers the one kept."""
    statement = """
        UPDATE batch_processes SET output_schema = coalesce(output_schema, :schema), version = version + 1
         WHERE id = :id RETURNING output_schema"""
    return str((await rows(tx, statement, id=batch_id, schema=output_schema))[0].output_schema)


async def expire_drafts(tx: Tx, idle_hours: int) -> list[UUID]:
    """Note drafts that nobody touched for so long; they are locked then."""
    statement = """
        UPDATE batch_processes SET draft_expired_at = now(), version = version + 1
         WHERE id IN (SELECT id FROM batch_processes
                       WHERE status = 'PENDING' AND updated_at < now() - make_interval(hours => :hours)
                       ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING id"""
    return [one.id for one in await rows(tx, statement, hours=idle_hours)]


async def past_deadline(tx: Tx) -> list[UUID]:
    """Find sealed batches past their deadline with waiting documents."""
    statement = """
        SELECT id FROM batch_processes
         WHERE status IN ('QUEUED','PROCESSING','CANCELLING') AND deadline_at < now() AND queued + retry_wait > 0
         LIMIT 100"""
    return [one.id for one in await rows(tx, statement)]


async def to_emit(tx: Tx) -> list[BatchRow]:
    """Take open batches that changed and were silent for a second; counts their next event (DESIGN §3.9)."""
    statement = f"""
        UPDATE batch_processes b
           SET sequence = b.sequence + 1, emitted_version = b.version, emitted_at = now()
         WHERE b.id IN (SELECT id FROM batch_processes e
                         WHERE e.version > e.emitted_version AND e.completed_at IS NULL
                           AND e.emitted_at < now() - interval '1 second'
                           AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.batch_id = e.id)
                         ORDER BY e.emitted_at LIMIT 200 FOR UPDATE SKIP LOCKED)
        RETURNING {BATCH}"""
    return [batch_row(one) for one in await rows(tx, statement)]
