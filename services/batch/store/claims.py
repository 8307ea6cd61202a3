"""Statements around a claim: many claims of one replica are one transaction (DESIGN §3.3, §3.4, §3.7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from batch.domain.retries import LINE_GRACE_SECONDS
from batch.store.counting import COUNT_MOVED, NOTHING_SPENT
from batch.store.database import Tx, columns, execute, json_text, rows
from batch.store.rows import BatchRow, batch_row


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker asks for a dispatched document."""

    document_id: UUID
    dispatch_id: UUID
    worker: str
    lease_token: UUID


@dataclass(frozen=True, slots=True)
class Claimed:
    """A document under lease, with all its worker needs."""

    document_id: UUID
    dispatch_id: UUID
    lease_worker: str
    tenant_id: UUID
    batch_id: UUID
    position: int
    attempt: int
    lease_token: UUID
    retry_generation: int
    name: str
    object_key: str
    size_bytes: int
    sha256: str
    extraction_prompt: str
    output_schema: str | None
    limits: dict[str, Any]
    remaining_seconds: float


_ASKED = """
asked AS (
    SELECT * FROM jsonb_to_recordset(CAST(:asked AS jsonb))
        AS a(document_id uuid, dispatch_id uuid, worker text, lease_token uuid)
)"""

_LOCK_BATCHES = f"""
WITH {_ASKED}
SELECT 1 FROM batch_processes
 WHERE id IN (SELECT d.batch_id FROM documents d JOIN asked a ON a.document_id = d.id)
 ORDER BY id FOR UPDATE
"""

_CLAIM = f"""
WITH {_ASKED}, old AS (
    SELECT d.id, d.status, a.worker, a.lease_token,
           b.holds = '{{}}' AND b.deadline_at > clock_timestamp() AND NOT EXISTS (
               SELECT 1 FROM workers w
                WHERE w.id = a.worker AND w.detached_at < clock_timestamp() - make_interval(secs => :grace)) AS free
      FROM documents d
      JOIN asked a ON a.document_id = d.id AND a.dispatch_id = d.dispatch_id
      JOIN batch_processes b ON b.id = d.batch_id
     WHERE d.status IN ('QUEUED','RETRY_WAIT')
     ORDER BY d.id FOR UPDATE OF d
), withdrawn AS (
    UPDATE documents d SET dispatch_id = NULL, dispatched_at = NULL FROM old WHERE d.id = old.id AND NOT old.free
), claimed AS (
    UPDATE documents d
       SET status = 'PROCESSING', stage = 'FETCH', attempt = d.attempt + 1, lease_token = old.lease_token,
           lease_worker = old.worker, next_attempt_at = NULL, pages_done = 0,
           lease_until = clock_timestamp() + make_interval(secs => :lease_seconds),
           job_deadline_at = clock_timestamp() + make_interval(secs => :job_seconds),
           started_at = coalesce(d.started_at, now()), changed_version = b.version + 1
      FROM old, batch_processes b
     WHERE d.id = old.id AND b.id = d.batch_id AND old.free
    RETURNING d.id, d.batch_id, d.tenant_id, d.attempt, d.retry_generation, d.lease_worker, d.lease_token,
              old.status AS was, d.status
), timeline AS (
    INSERT INTO document_attempts
        (document_id, attempt, tenant_id, batch_id, retry_generation, worker, lease_token)
    SELECT id, attempt, tenant_id, batch_id, retry_generation, lease_worker, lease_token FROM claimed
), moved AS (
    SELECT batch_id, was, status, {NOTHING_SPENT} FROM claimed
), {COUNT_MOVED}
"""

_READ = f"""
WITH {_ASKED}
SELECT d.id AS document_id, d.dispatch_id, d.lease_worker, d.tenant_id, d.batch_id, d.position, d.attempt,
       d.lease_token, d.retry_generation, d.name, d.object_key, d.size_bytes, d.sha256, b.extraction_prompt,
       b.output_schema, b.limits,
       extract(epoch FROM d.job_deadline_at - clock_timestamp())::float8 AS remaining_seconds
  FROM asked a
  JOIN documents d ON d.id = a.document_id AND d.dispatch_id = a.dispatch_id AND d.lease_worker = a.worker
  JOIN batch_processes b ON b.id = d.batch_id
 WHERE d.status = 'PROCESSING'
"""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a claim holds."""

    lease_seconds: float
    job_seconds: float


async def claim(tx: Tx, asked: Sequence[Asked], times: LeaseTimes) -> list[BatchRow]:
    """Lease every asked document whose dispatch still stands; answers the batches that changed.

    A dispatch of a batch that is held by now, or past its deadline, is withdrawn instead; so is one that comes to a
    worker whose line of life has been broken for longer than it may, from whom it would be taken back at once.
    """
    parameter = json_text(asked)
    await rows(tx, _LOCK_BATCHES, asked=parameter)
    found = await rows(
        tx,
        _CLAIM,
        asked=parameter,
        lease_seconds=times.lease_seconds,
        job_seconds=times.job_seconds,
        grace=LINE_GRACE_SECONDS,
    )
    return [batch_row(one) for one in found]


async def read(tx: Tx, asked: Sequence[Asked]) -> list[Claimed]:
    """Read what the askers hold by now, whether from this claim or from the same one before."""
    found = await rows(tx, _READ, asked=json_text(asked))
    return [Claimed(**columns(one)) for one in found]


async def earlier_attempts(tx: Tx, document_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """Attempts before the running one, in the same retry generation, that may have stored a result; newest first."""
    statement = """
        SELECT a.document_id, array_agg(a.attempt ORDER BY a.attempt DESC) AS attempts
          FROM document_attempts a JOIN documents d ON d.id = a.document_id
         WHERE a.document_id = ANY(:ids) AND a.attempt < d.attempt AND a.retry_generation = d.retry_generation
           AND (a.outcome IN ('lost','released','') OR a.error_phase = 'STORE')
         GROUP BY a.document_id"""
    return {one.document_id: list(one.attempts) for one in await rows(tx, statement, ids=list(document_ids))}


async def holds_lease(tx: Tx, batch_id: UUID, lease_token: UUID) -> bool:
    """Whether a token is the current lease of a document of a batch."""
    statement = """
        SELECT 1 FROM documents WHERE batch_id = :batch AND lease_token = :token AND status = 'PROCESSING' LIMIT 1"""
    return bool(await rows(tx, statement, batch=batch_id, token=lease_token))


async def renew(tx: Tx, tokens: Sequence[UUID], worker: str, lease_seconds: float) -> set[UUID]:
    """Renew leases of a worker; answers those it really holds."""
    statement = """
        UPDATE documents SET lease_until = clock_timestamp() + make_interval(secs => :seconds)
         WHERE id IN (SELECT id FROM documents
                       WHERE lease_worker = :worker AND status = 'PROCESSING' AND lease_token = ANY(:tokens)
                       ORDER BY id FOR UPDATE)
        RETURNING lease_token"""
    found = await rows(tx, statement, tokens=list(tokens), worker=worker, seconds=lease_seconds)
    return {one.lease_token for one in found}


async def cancelled_tokens(tx: Tx, workers: Sequence[str]) -> dict[str, list[UUID]]:
    """Leases of workers whose owner cancelled, by worker."""
    statement = """
        SELECT lease_worker, array_agg(lease_token) AS tokens FROM documents
         WHERE lease_worker = ANY(:workers) AND status = 'PROCESSING' AND cancel_requested
         GROUP BY lease_worker"""
    return {one.lease_worker: list(one.tokens) for one in await rows(tx, statement, workers=list(workers))}


_ATTACH = """
INSERT INTO workers (id, session, slots, engine, model, provider_key)
VALUES (:id, :session, :slots, :engine, :model, :provider_key)
ON CONFLICT (id) DO UPDATE
   SET session = excluded.session, slots = excluded.slots, detached_at = NULL, beat_at = now(), accepting = true
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that presents itself."""

    id: str
    session: UUID
    slots: int
    engine: str
    model: str
    provider_key: str


async def attach(tx: Tx, worker: Worker) -> None:
    """Note that a worker holds a line of life, in a session that replaces its last one."""
    await execute(
        tx,
        _ATTACH,
        id=worker.id,
        session=worker.session,
        slots=worker.slots,
        engine=worker.engine,
        model=worker.model,
        provider_key=worker.provider_key,
    )


async def beat(tx: Tx, worker: str, session: UUID, *, accepting: bool) -> None:
    """Note that a worker lives."""
    statement = "UPDATE workers SET beat_at = now(), accepting = :accepting WHERE id = :id AND session = :session"
    await execute(tx, statement, id=worker, session=session, accepting=accepting)


async def detach(tx: Tx, worker: str, session: UUID) -> None:
    """Note that a worker's line broke, unless it holds a newer one."""
    statement = "UPDATE workers SET detached_at = clock_timestamp() WHERE id = :id AND session = :session"
    await execute(tx, statement, id=worker, session=session)


async def forget_silent_workers(tx: Tx) -> None:
    """Remove workers that nobody heard of for an hour."""
    await execute(tx, "DELETE FROM workers WHERE beat_at < now() - interval '1 hour'")
