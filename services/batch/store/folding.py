"""Statements of the fold and of the rescuer: documents are read under lock, folded in memory, written as one set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from batch.domain.events import Ref, Spent, Stage
from batch.domain.fold import AttemptEnd, DocumentState, ErrorNote
from batch.domain.retries import DEFAULT_MAX_FAILURES
from batch.domain.status import DocumentStatus
from batch.store.counting import COUNT_MOVED
from batch.store.database import Tx, execute, json_text, rows
from batch.store.rows import BatchRow, batch_row
from chassis.failures import FailureCode

_LOCK_BATCHES = """
SELECT 1 FROM batch_processes
 WHERE id IN (SELECT batch_id FROM documents WHERE id = ANY(:ids))
 ORDER BY id FOR UPDATE
"""

_LOCK_DOCUMENTS = """
SELECT d.id, d.tenant_id, d.batch_id, d.status, d.attempt, d.lease_token, d.retry_generation, d.cancel_requested,
       d.stage, d.pages_done, d.pages_total, d.media_type, d.failures, d.losses, d.error_code,
       d.error_message, d.error_phase,
       (SELECT (b.options->>'max_failures')::int FROM batch_processes b WHERE b.id = d.batch_id) AS max_failures
  FROM documents d WHERE d.id = ANY(:ids) ORDER BY d.id FOR UPDATE
"""


async def lock(tx: Tx, document_ids: Sequence[UUID]) -> dict[UUID, DocumentState]:
    """Lock documents, after their batches, and read what the fold needs."""
    ids = list(document_ids)
    await rows(tx, _LOCK_BATCHES, ids=ids)
    return {one.id: _state(one) for one in await rows(tx, _LOCK_DOCUMENTS, ids=ids)}


def _state(found: Row[Any]) -> DocumentState:
    return DocumentState(
        id=found.id,
        tenant_id=found.tenant_id,
        batch_id=found.batch_id,
        status=DocumentStatus(found.status),
        attempt=found.attempt,
        lease_token=found.lease_token,
        retry_generation=found.retry_generation,
        cancel_requested=found.cancel_requested,
        max_failures=found.max_failures or DEFAULT_MAX_FAILURES,
        stage=Stage[found.stage or "NONE"],
        pages_done=found.pages_done,
        pages_total=found.pages_total,
        media_type=found.media_type,
        failures=found.failures,
        losses=found.losses,
        error=_note(found),
    )


def _note(found: Row[Any]) -> ErrorNote | None:
    if not found.error_code:
        return None
    return ErrorNote(FailureCode(found.error_code), found.error_message or "", Stage[found.error_phase or "NONE"])


@dataclass(frozen=True, slots=True)
class Change:
    """What the fold made of a document that moved."""

    was: DocumentState
    now: DocumentState


@dataclass(frozen=True, slots=True)
class Ended:
    """What the fold learned of an attempt."""

    ref: Ref
    end: AttemptEnd


_END_ATTEMPTS = """
WITH ended AS (
    SELECT * FROM jsonb_to_recordset(CAST(:ended AS jsonb))
        AS e(document_id uuid, attempt int, lease_token uuid, outcome text, reported boolean, error_code text,
             error_message text, error_phase text, input_tokens bigint, output_tokens bigint, cost_micros bigint)
)
UPDATE document_attempts a
   SET ended_at = coalesce(a.ended_at, now()),
       outcome = CASE WHEN a.outcome = '' OR e.outcome = 'succeeded' THEN e.outcome ELSE a.outcome END,
       reported = a.reported OR e.reported,
       error_code = coalesce(a.error_code, e.error_code), error_message = coalesce(a.error_message, e.error_message),
       error_phase = coalesce(a.error_phase, e.error_phase),
       input_tokens = e.input_tokens, output_tokens = e.output_tokens, cost_micros = e.cost_micros
  FROM ended e
 WHERE a.document_id = e.document_id AND a.attempt = e.attempt AND a.lease_token = e.lease_token
   AND (a.outcome = '' OR (e.reported AND NOT a.reported))
RETURNING a.document_id, e.input_tokens, e.output_tokens, e.cost_micros
"""


async def end_attempts(tx: Tx, ended: Sequence[Ended]) -> dict[UUID, Spent]:
    """Write attempts to the timeline, each cost once however often it is told; answers what is newly spent."""
    found = await rows(tx, _END_ATTEMPTS, ended=json_text([_ended(one) for one in ended]))
    spent: dict[UUID, Spent] = {}
    for one in found:
        before = spent.get(one.document_id, Spent())
        spent[one.document_id] = Spent(
            before.input_tokens + one.input_tokens,
            before.output_tokens + one.output_tokens,
            before.cost_micros + one.cost_micros,
        )
    return spent


def _ended(one: Ended) -> dict[str, Any]:
    note, spent = one.end.error, one.end.spent or Spent()
    return {
        "document_id": one.ref.document_id,
        "attempt": one.ref.attempt,
        "lease_token": one.ref.lease_token,
        "outcome": one.end.outcome,
        "reported": one.end.spent is not None,
        "error_code": note.code if note else None,
        "error_message": note.message if note else None,
        "error_phase": note.phase.name if note else None,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost_micros": spent.cost_micros,
    }


_APPLY = f"""
WITH c AS (
    SELECT * FROM jsonb_to_recordset(CAST(:changes AS jsonb))
        AS c(id uuid, was text, was_pages int, status text, stage text, pages_done int, pages_total int,
             media_type text, failures int, losses int, ends_lease boolean, final boolean, retry_in float8,
             error_code text, error_message text, error_phase text, result_key text, result_sha256 text,
             result_size_bytes bigint, ungrounded_fields int, input_tokens bigint, output_tokens bigint,
             cost_micros bigint)
), moved AS (
    UPDATE documents d
       SET status = c.status, stage = c.stage, pages_done = c.pages_done, pages_total = c.pages_total,
           media_type = c.media_type, failures = c.failures, losses = c.losses,
           dispatch_id = CASE WHEN c.ends_lease THEN NULL ELSE d.dispatch_id END,
           dispatched_at = CASE WHEN c.ends_lease THEN NULL ELSE d.dispatched_at END,
           lease_token = CASE WHEN c.ends_lease THEN NULL ELSE d.lease_token END,
           lease_worker = CASE WHEN c.ends_lease THEN NULL ELSE d.lease_worker END,
           lease_until = CASE WHEN c.ends_lease THEN NULL ELSE d.lease_until END,
           job_deadline_at = CASE WHEN c.ends_lease THEN NULL ELSE d.job_deadline_at END,
           next_attempt_at = now() + make_interval(secs => c.retry_in),
           finished_at = CASE WHEN c.final THEN now() ELSE NULL END,
           cancel_requested = d.cancel_requested AND NOT c.final,
           error_code = c.error_code, error_message = c.error_message, error_phase = c.error_phase,
           result_key = c.result_key, result_sha256 = c.result_sha256, result_size_bytes = c.result_size_bytes,
           ungrounded_fields = c.ungrounded_fields,
           input_tokens = d.input_tokens + c.input_tokens, output_tokens = d.output_tokens + c.output_tokens,
           cost_micros = d.cost_micros + c.cost_micros,
           changed_version = b.version + 1
      FROM c, batch_processes b
     WHERE d.id = c.id AND b.id = d.batch_id AND d.status = c.was
    RETURNING d.batch_id, c.was, d.status, c.pages_total - c.was_pages AS pages, 0 AS bytes,
              c.input_tokens, c.output_tokens, c.cost_micros
), {COUNT_MOVED}
"""


async def apply(tx: Tx, changes: Sequence[Change], spent: Mapping[UUID, Spent]) -> list[BatchRow]:
    """Write what the fold decided and count it, in one statement; answers the batches that changed."""
    parameter = json_text([_change(one, spent.get(one.now.id, Spent())) for one in changes])
    return [batch_row(one) for one in await rows(tx, _APPLY, changes=parameter)]


def _change(change: Change, spent: Spent) -> dict[str, Any]:
    was, now = change.was, change.now
    result, note = now.result, now.error
    return {
        "id": now.id,
        "was": was.status,
        "was_pages": was.pages_total,
        "status": now.status,
        "stage": now.stage.name if now.stage else "",
        "pages_done": now.pages_done,
        "pages_total": now.pages_total,
        "media_type": now.media_type,
        "failures": now.failures,
        "losses": now.losses,
        "ends_lease": now.status is not DocumentStatus.PROCESSING,
        "final": now.status in (DocumentStatus.SUCCEEDED, DocumentStatus.FAILED, DocumentStatus.CANCELLED),
        "retry_in": now.retry_in,
        "error_code": note.code if note else None,
        "error_message": note.message if note else None,
        "error_phase": note.phase.name if note else None,
        "result_key": result.key if result else None,
        "result_sha256": result.sha256 if result else None,
        "result_size_bytes": result.size_bytes if result else None,
        "ungrounded_fields": result.ungrounded_fields if result else 0,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost_micros": spent.cost_micros,
    }


@dataclass(frozen=True, slots=True)
class Overdue:
    """A running document to take back."""

    ref: Ref
    timed_out: bool
    line_broke: bool
    """Whether its worker's line of life broke and was not taken up again."""


_OVERDUE = """
SELECT d.id, d.attempt, d.lease_token, d.retry_generation,
       d.job_deadline_at < clock_timestamp() AND d.lease_until >= clock_timestamp() AS timed_out,
       coalesce(w.detached_at < clock_timestamp() - make_interval(secs => :grace_seconds), false) AS line_broke
  FROM documents d LEFT JOIN workers w ON w.id = d.lease_worker
 WHERE d.status = 'PROCESSING'
   AND (d.lease_until < clock_timestamp() OR d.job_deadline_at < clock_timestamp()
        OR w.detached_at < clock_timestamp() - make_interval(secs => :grace_seconds))
 LIMIT 500
"""


async def overdue(tx: Tx, grace_seconds: float) -> list[Overdue]:
    """Find running documents whose lease ended, whose worker is gone, or whose time is up."""
    found = await rows(tx, _OVERDUE, grace_seconds=grace_seconds)
    return [
        Overdue(
            Ref(one.id, one.attempt, one.lease_token, one.retry_generation),
            timed_out=one.timed_out,
            line_broke=one.line_broke,
        )
        for one in found
    ]


async def add_unmatched_cost(tx: Tx, spent: Mapping[UUID, Spent]) -> None:
    """Add what a stale attempt cost to its document and batch; no status moves."""
    if not any(one != Spent() for one in spent.values()):
        return
    statement = """
        WITH s AS (
            SELECT * FROM jsonb_to_recordset(CAST(:spent AS jsonb))
                AS s(id uuid, input_tokens bigint, output_tokens bigint, cost_micros bigint)
        ), told AS (
            UPDATE documents d
               SET input_tokens = d.input_tokens + s.input_tokens, output_tokens = d.output_tokens + s.output_tokens,
                   cost_micros = d.cost_micros + s.cost_micros
              FROM s WHERE d.id = s.id
            RETURNING d.batch_id, s.input_tokens, s.output_tokens, s.cost_micros
        ), summed AS (
            SELECT batch_id, sum(input_tokens)::bigint AS input_tokens, sum(output_tokens)::bigint AS output_tokens,
                   sum(cost_micros)::bigint AS cost_micros
              FROM told GROUP BY batch_id
        )
        UPDATE batch_processes b
           SET input_tokens = b.input_tokens + m.input_tokens, output_tokens = b.output_tokens + m.output_tokens,
               cost_micros = b.cost_micros + m.cost_micros, version = b.version + 1
          FROM summed m WHERE b.id = m.batch_id"""
    parameter = [
        {"id": key, "input_tokens": one.input_tokens, "output_tokens": one.output_tokens,
         "cost_micros": one.cost_micros}
        for key, one in spent.items()
    ]  # fmt: skip
    await execute(tx, statement, spent=json_text(parameter))
