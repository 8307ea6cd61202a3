"""What must hold in every committed state, asked of the database as its owner."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.batch.database import Database

# Every move of a document is written down by a trigger, so that one that must not be is seen whenever it happened.
INSTALL = """
CREATE TABLE document_moves (
    document_id uuid NOT NULL, was text, status text NOT NULL, was_generation int, generation int NOT NULL
);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO document_moves
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status,
            CASE WHEN TG_OP = 'UPDATE' THEN OLD.retry_generation END, NEW.retry_generation);
    RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON documents FOR EACH ROW EXECUTE FUNCTION note_move();
CREATE TRIGGER note_update AFTER UPDATE OF status ON documents FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION note_move();
"""

STATUSES = (
    "pending_upload", "uploaded", "queued", "processing", "retry_wait", "succeeded", "failed", "cancelled", "expired",
)  # fmt: skip
FINAL_DOCUMENT = "('SUCCEEDED','FAILED','CANCELLED','EXPIRED')"
FINAL_BATCH = "('COMPLETED','COMPLETED_WITH_ERRORS','FAILED','CANCELLED','EXPIRED')"
_RECOUNT = ", ".join(f"count(*) FILTER (WHERE status = '{name.upper()}') AS {name}" for name in STATUSES)
_DIFFERS = " OR ".join(f"b.{name} <> r.{name}" for name in STATUSES)

INVARIANTS: Mapping[str, str] = {
    "counters are the recount of the rows": f"""
        SELECT b.id FROM batch_processes b CROSS JOIN LATERAL (
            SELECT count(*) AS total, {_RECOUNT}, coalesce(sum(pages_total), 0) AS pages,
                   coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
                   coalesce(sum(cost_micros), 0) AS cost_micros
              FROM documents WHERE batch_id = b.id) r
         WHERE {_DIFFERS} OR b.total_documents <> r.total OR b.pages <> r.pages OR b.cost_micros <> r.cost_micros
            OR b.input_tokens <> r.input_tokens OR b.output_tokens <> r.output_tokens""",
    "processed is all that is final and no more than all": """
        SELECT id FROM batch_processes
         WHERE processed_documents <> succeeded + failed + cancelled + expired
            OR processed_documents > total_documents""",
    "a sealed batch is final if and only if its documents are": f"""
        SELECT b.id FROM batch_processes b WHERE b.sealed_at IS NOT NULL
           AND (b.status IN {FINAL_BATCH}) <> NOT EXISTS
               (SELECT 1 FROM documents d WHERE d.batch_id = b.id AND d.status NOT IN {FINAL_DOCUMENT})""",
    "a terminal event id stands on a final batch and only there": f"""
        SELECT id FROM batch_processes
         WHERE (terminal_event_id IS NOT NULL) <> (status IN {FINAL_BATCH})
            OR (completed_at IS NOT NULL) <> (status IN {FINAL_BATCH})""",
    "a lease stands on a running document and only there": """
        SELECT id FROM documents
         WHERE (lease_token IS NOT NULL) <> (status = 'PROCESSING')
            OR (lease_until IS NOT NULL) <> (status = 'PROCESSING')""",
    "a result stands on a success and only there": """
        SELECT id FROM documents WHERE (result_key IS NOT NULL) <> (status = 'SUCCEEDED')""",
    "no tenant has more in flight than its tier allows": """
        SELECT d.tenant_id FROM documents d JOIN batch_processes b ON b.id = d.batch_id
         WHERE d.dispatch_id IS NOT NULL GROUP BY d.tenant_id
        HAVING count(*) > max((b.limits->>'documents_in_flight')::int)""",
    "no tenant has more open batches than its tier allows": f"""
        SELECT tenant_id FROM batch_processes
         WHERE status NOT IN {FINAL_BATCH} AND deleted_at IS NULL GROUP BY tenant_id
        HAVING count(*) > max((limits->>'open_batches')::int)""",
    "nothing holds a final batch": f"""
        SELECT id FROM batch_processes WHERE status IN {FINAL_BATCH} AND holds <> '{{}}'""",
    "every final batch is purged some day": f"""
        SELECT id FROM batch_processes WHERE status IN {FINAL_BATCH} AND purge_at IS NULL""",
    "a document costs what its attempts cost": """
        SELECT d.id FROM documents d CROSS JOIN LATERAL (
            SELECT coalesce(sum(input_tokens), 0) AS spent FROM document_attempts WHERE document_id = d.id) a
         WHERE d.input_tokens <> a.spent""",
    "each claim is one line of the timeline": """
        SELECT d.id FROM documents d
         WHERE d.attempt <> (SELECT count(*) FROM document_attempts a WHERE a.document_id = d.id)""",
    "moments come in their order": """
        SELECT id FROM documents
         WHERE created_at > uploaded_at OR uploaded_at > started_at OR started_at > finished_at""",
    "a final status is left by a retry only": f"""
        SELECT document_id FROM document_moves
         WHERE was IN {FINAL_DOCUMENT} AND (status <> 'QUEUED' OR generation <> was_generation + 1)""",
    "documents move along the graph of the design": """
        SELECT document_id FROM document_moves WHERE was IS NOT NULL AND (was, status) NOT IN (
            ('PENDING_UPLOAD','UPLOADED'), ('PENDING_UPLOAD','CANCELLED'), ('PENDING_UPLOAD','EXPIRED'),
            ('UPLOADED','QUEUED'), ('UPLOADED','CANCELLED'), ('UPLOADED','EXPIRED'),
            ('QUEUED','PROCESSING'), ('QUEUED','CANCELLED'), ('QUEUED','EXPIRED'), ('QUEUED','SUCCEEDED'),
            ('PROCESSING','SUCCEEDED'), ('PROCESSING','FAILED'), ('PROCESSING','CANCELLED'),
            ('PROCESSING','RETRY_WAIT'),
            ('RETRY_WAIT','PROCESSING'), ('RETRY_WAIT','CANCELLED'), ('RETRY_WAIT','EXPIRED'),
            ('RETRY_WAIT','SUCCEEDED'),
            ('FAILED','QUEUED'), ('CANCELLED','QUEUED'), ('EXPIRED','QUEUED'))""",
    "a document ends once in a retry generation": f"""
        SELECT document_id FROM document_moves WHERE status IN {FINAL_DOCUMENT}
         GROUP BY document_id, generation HAVING count(*) > 1""",
}
_EVERY = " UNION ALL ".join(f"SELECT '{name}' AS invariant, x.* FROM ({sql}) x" for name, sql in INVARIANTS.items())


async def violations(database: Database) -> list[tuple[str, Any]]:
    """What does not hold now: one statement, so one committed state."""
    return [(found["invariant"], found["id"]) for found in await database.rows(_EVERY)]


@asynccontextmanager
async def auditing(url: str) -> AsyncGenerator[list[int]]:
    """Ask again and again while the block runs; the block may read how often."""
    database, asked = await Database.connect(url), [0]

    async def ask() -> None:
        while True:
            assert await violations(database) == []
            asked[0] += 1
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    try:
        yield asked
        assert not asking.done(), asking.exception()
    finally:
        asking.cancel()
        await asyncio.wait([asking])
        if not asking.cancelled():
            asking.exception()
        await database.close()
