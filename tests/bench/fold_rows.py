"""Rows and events for the fold: claimed documents in the database, and what their workers have to say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from chassis.topology import DOCUMENT_EXTRACTED, DOCUMENT_PROGRESSED
from quire.batch.v1 import document_pb2
from quire.events.v1 import progress_pb2
from tests.bench.database import Database

EVENTS_PER_DOCUMENT = 2
RESULT_BYTES = 2_000

_TENANT = "INSERT INTO tenants (id, name, tier) VALUES ($1, $2, 'ENTERPRISE')"
_BATCHES = """
INSERT INTO batch_processes (id, tenant_id, user_id, name, description, extraction_prompt, output_schema, options, tier,
                             limits, status, total_documents, processing, sealed_at, started_at)
SELECT id, $1, 'bench', 'fold', '', 'anything', '{}', '{"max_failures": 3, "deadline_seconds": 604800}', 'ENTERPRISE',
       '{"documents_in_flight": 250, "scheduling_weight": 16}', 'PROCESSING', $3, $3, now(), now()
  FROM unnest($2::uuid[]) AS batch (id)
"""
_DOCUMENTS = """
INSERT INTO documents (id, batch_id, tenant_id, position, name, size_bytes, sha256, media_type, object_key, status,
                       stage, attempt, dispatch_id, dispatched_at, lease_token, lease_worker, lease_until,
                       job_deadline_at, changed_version, uploaded_at, started_at)
SELECT d.id, d.batch_id, $1, d.position, 'letter.txt', 20480, repeat('a', 64), 'text/plain', 'key', 'PROCESSING',
       'FETCH', 1, gen_random_uuid(), now(), d.token, 'bench', now() + interval '1 hour',
       now() + interval '1 hour', 1, now(), now()
  FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::uuid[]) AS d (id, batch_id, position, token)
"""
_ATTEMPTS = """
INSERT INTO document_attempts (document_id, attempt, tenant_id, batch_id, retry_generation, worker, lease_token)
SELECT d.id, 1, $1, d.batch_id, 0, 'bench', d.token FROM unnest($2::uuid[], $3::uuid[], $4::uuid[])
    AS d (id, batch_id, token)
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A document under lease."""

    tenant: UUID
    batch: UUID
    position: int
    id: UUID
    token: UUID


async def claimed_documents(database: Database, batches: int, of_each: int) -> list[Running]:
    """Insert running batches; answers their documents in turns, one of each batch after the other."""
    tenant, ids = uuid4(), [uuid4() for _ in range(batches)]
    await database.execute(_TENANT, tenant, f"fold {tenant}")
    await database.execute(_BATCHES, tenant, ids, of_each)
    documents = [Running(tenant, batch, position, uuid4(), uuid4()) for position in range(of_each) for batch in ids]
    keys, owners = [one.id for one in documents], [one.batch for one in documents]
    tokens, positions = [one.token for one in documents], [one.position for one in documents]
    await database.execute(_DOCUMENTS, tenant, keys, owners, positions, tokens)
    await database.execute(_ATTEMPTS, tenant, keys, owners, tokens)
    return documents


def events_of(documents: Sequence[Running]) -> Iterator[tuple[str, bytes]]:
    """Routing key and body: all progress first, then all results, so that few events of a set share a document."""
    for one in documents:
        yield DOCUMENT_PROGRESSED, _progressed(one)
    for one in documents:
        yield DOCUMENT_EXTRACTED, _extracted(one)


async def open_batches(database: Database, documents: Sequence[Running]) -> int:
    """Batches of these documents that are not final."""
    ids = list({one.batch for one in documents})
    statement = "SELECT count(*) FROM batch_processes WHERE id = ANY($1) AND completed_at IS NULL"
    return int(await database.fetchval(statement, ids))


def _progressed(one: Running) -> bytes:
    event = progress_pb2.DocumentProgressed(
        ref=_ref(one), stage=document_pb2.STAGE_EXTRACT, pages_total=3, media_type="text/plain"
    )
    return event.SerializeToString()


def _extracted(one: Running) -> bytes:
    event = progress_pb2.DocumentExtracted(
        ref=_ref(one),
        result_key=f"t/{one.tenant}/b/{one.batch}/d/{one.id}/a/1/result.json",
        result_sha256="b" * 64,
        result_size_bytes=RESULT_BYTES,
        pages=3,
        media_type="text/plain",
        usage=document_pb2.Usage(input_tokens=5_000, output_tokens=300, cost_micros=900),
    )
    return event.SerializeToString()


def _ref(one: Running) -> progress_pb2.AttemptRef:
    return progress_pb2.AttemptRef(
        tenant_id=str(one.tenant),
        batch_id=str(one.batch),
        document_id=str(one.id),
        attempt=1,
        lease_token=str(one.token),
    )
