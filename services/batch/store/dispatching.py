"""Statements of the dispatcher: what waits, what is in flight, and the row that is a job's own outbox (DESIGN §3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from batch.store.database import Tx, execute, json_text, row, rows

DISPATCH_LOCK = 7_235_191
TELL_LOCK = 7_235_192


async def elect(tx: Tx, lock: int) -> bool:
    """Whether this transaction may lead a round; the lock ends with it, so no session state is kept."""
    found = await row(tx, "SELECT pg_try_advisory_xact_lock(:lock) AS leads", lock=lock)
    return bool(found and found.leads)


@dataclass(frozen=True, slots=True)
class InFlight:
    """Documents that were dispatched and are not final, counted from their rows."""

    unclaimed: int
    by_tenant: Mapping[UUID, int]


async def in_flight(tx: Tx) -> InFlight:
    """Count what is in flight."""
    statement = """
        SELECT tenant_id, count(*)::int AS n, (count(*) FILTER (WHERE status <> 'PROCESSING'))::int AS unclaimed
          FROM documents WHERE dispatch_id IS NOT NULL GROUP BY tenant_id"""
    found = await rows(tx, statement)
    return InFlight(sum(one.unclaimed for one in found), {one.tenant_id: one.n for one in found})


async def slots(tx: Tx, silent_after_seconds: float) -> int:
    """Slots of the workers attached now."""
    statement = """
        SELECT coalesce(sum(slots), 0)::int AS n FROM workers
         WHERE detached_at IS NULL AND accepting AND beat_at > now() - make_interval(secs => :silent)"""
    return int((await rows(tx, statement, silent=silent_after_seconds))[0].n)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that could run now."""

    tenant_id: UUID
    batch_id: UUID
    document_id: UUID
    size_bytes: int
    weight: int
    documents_in_flight: int
    """The tenant's window."""


_CANDIDATES = """
SELECT b.tenant_id, b.id AS batch_id, d.id AS document_id, d.size_bytes,
       (b.limits->>'scheduling_weight')::int AS weight,
       (b.limits->>'documents_in_flight')::int AS documents_in_flight
  FROM batch_processes b
 CROSS JOIN LATERAL (
       SELECT w.id, w.size_bytes, w.position FROM documents w
        WHERE w.batch_id = b.id AND w.status IN ('QUEUED','RETRY_WAIT') AND w.dispatch_id IS NULL
          AND (w.next_attempt_at IS NULL OR w.next_attempt_at <= clock_timestamp())
          AND (b.output_schema IS NOT NULL OR NOT EXISTS (
                SELECT 1 FROM documents r WHERE r.batch_id = b.id AND r.dispatch_id IS NOT NULL
                   AND r.tenant_id = b.tenant_id))
        ORDER BY w.position
        LIMIT CASE WHEN b.output_schema IS NULL THEN 1 ELSE CAST(:window AS int) END
       ) d
 WHERE b.status IN ('QUEUED','PROCESSING') AND b.queued + b.retry_wait > 0 AND b.holds = '{}'
   AND b.deadline_at > clock_timestamp()
 ORDER BY b.sealed_at, b.id, d.position
"""


async def candidates(tx: Tx, window: int) -> list[Candidate]:
    """Read at most `window` waiting documents of every batch that is neither held nor past its deadline, oldest first.

    A batch without a schema offers one document until its first worker has proposed one (DESIGN §8, ProposeSchema).
    """
    return [Candidate(*one) for one in await rows(tx, _CANDIDATES, window=window)]


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A document whose dispatch is written; the job may be published once the transaction has committed."""

    document_id: UUID
    batch_id: UUID
    tenant_id: UUID
    dispatch_id: UUID


_DISPATCH = """
WITH chosen AS (
    SELECT * FROM jsonb_to_recordset(CAST(:chosen AS jsonb)) AS c(document_id uuid, dispatch_id uuid)
), free AS (
    SELECT d.id FROM documents d JOIN chosen c ON c.document_id = d.id
     WHERE d.status IN ('QUEUED','RETRY_WAIT') AND (d.dispatch_id IS NULL OR CAST(:again AS boolean))
     ORDER BY d.id FOR UPDATE OF d SKIP LOCKED
)
UPDATE documents d SET dispatch_id = c.dispatch_id, dispatched_at = clock_timestamp()
  FROM chosen c, free WHERE d.id = c.document_id AND d.id = free.id
RETURNING d.id, d.batch_id, d.tenant_id, d.dispatch_id
"""


async def dispatch(tx: Tx, chosen: Mapping[UUID, UUID], *, again: bool = False) -> list[Dispatched]:
    """Write dispatch ids on documents that still wait; `again` replaces ids that nobody claimed."""
    pairs = [{"document_id": document, "dispatch_id": dispatch} for document, dispatch in chosen.items()]
    found = await rows(tx, _DISPATCH, chosen=json_text(pairs), again=again)
    return [Dispatched(*one) for one in found]


async def take_back(tx: Tx, dispatches: Sequence[UUID]) -> None:
    """Let documents wait again whose jobs were not published; one that was claimed all the same goes on."""
    statement = """
        UPDATE documents SET dispatch_id = NULL, dispatched_at = NULL
         WHERE id IN (SELECT id FROM documents
                       WHERE dispatch_id = ANY(:dispatches) AND status IN ('QUEUED','RETRY_WAIT')
                       ORDER BY id FOR UPDATE)
           AND dispatch_id = ANY(:dispatches) AND status IN ('QUEUED','RETRY_WAIT')"""
    await execute(tx, statement, dispatches=list(dispatches))


async def unclaimed(tx: Tx, older_than_seconds: float, limit: int) -> Sequence[UUID]:
    """Find documents that were dispatched so long ago and never claimed, of batches that are not held."""
    statement = """
        SELECT d.id FROM documents d JOIN batch_processes b ON b.id = d.batch_id AND b.holds = '{}'
         WHERE d.dispatch_id IS NOT NULL AND d.status IN ('QUEUED','RETRY_WAIT')
           AND d.dispatched_at < clock_timestamp() - make_interval(secs => :seconds)
         ORDER BY d.dispatched_at LIMIT :limit"""
    return [one.id for one in await rows(tx, statement, seconds=older_than_seconds, limit=limit)]


async def in_flight_of(tx: Tx, tenant_id: UUID) -> int:
    """Count a tenant's documents in flight."""
    statement = "SELECT count(*)::int AS n FROM documents WHERE tenant_id = :tenant AND dispatch_id IS NOT NULL"
    return int((await rows(tx, statement, tenant=tenant_id))[0].n)
