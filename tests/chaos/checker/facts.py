"""What stands in the database when a run is over, once everything is quiet."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.records import moment
from tests.integration.batch.database import Database

FINAL_DOCUMENT = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
FINAL_BATCH = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED", "EXPIRED"})


@dataclass(frozen=True)
class BatchFact:
    """A row of batch_processes; ids as text."""

    id: str
    tenant_id: str
    status: str
    version: int = 1
    sequence: int = 0
    retry_generation: int = 0
    terminal_event_id: str | None = None
    sealed: bool = False
    deleted: bool = False

    @property
    def final(self) -> bool:
        return self.status in FINAL_BATCH


@dataclass(frozen=True)
class DocumentFact:
    """A row of documents; ids as text."""

    id: str
    batch_id: str
    tenant_id: str
    status: str
    sha256: str = ""
    object_key: str | None = None
    result_key: str | None = None
    result_sha256: str | None = None
    error_code: str | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL_DOCUMENT


@dataclass(frozen=True)
class LostAttempt:
    """An attempt the rescuer took back and that brought no result afterwards."""

    document_id: str
    attempt: int
    claimed: float
    """Moments, as the records count them."""
    ended: float


@dataclass(frozen=True)
class Facts:
    """By id."""

    batches: Mapping[str, BatchFact] = field(default_factory=dict[str, BatchFact])
    documents: Mapping[str, DocumentFact] = field(default_factory=dict[str, DocumentFact])
    exports: frozenset[str] = frozenset()
    """Object keys of exports."""
    lost: tuple[LostAttempt, ...] = ()


_BATCHES = """
SELECT json_build_object(
       'id', id, 'tenant_id', tenant_id, 'status', status, 'version', version, 'sequence', sequence,
       'retry_generation', retry_generation, 'terminal_event_id', terminal_event_id,
       'sealed', sealed_at IS NOT NULL, 'deleted', deleted_at IS NOT NULL)::text AS fact FROM batch_processes
"""
_DOCUMENTS = """
SELECT json_build_object(
       'id', id, 'batch_id', batch_id, 'tenant_id', tenant_id, 'status', status, 'sha256', sha256,
       'object_key', object_key, 'result_key', result_key, 'result_sha256', result_sha256,
       'error_code', error_code)::text AS fact FROM documents
"""
_LOST = """
SELECT document_id::text, attempt, extract(epoch FROM clock_timestamp() - claimed_at)::float8 AS claimed,
       extract(epoch FROM clock_timestamp() - ended_at)::float8 AS ended
  FROM document_attempts WHERE outcome = 'lost'
"""
_EXPORTS = "SELECT object_key FROM exports WHERE object_key IS NOT NULL"


async def read_facts(database: Database) -> Facts:
    """Read all of it. Nothing moves any more, so several statements see one state."""
    batches = [BatchFact(**json.loads(row["fact"])) for row in await database.rows(_BATCHES)]
    documents = [DocumentFact(**json.loads(row["fact"])) for row in await database.rows(_DOCUMENTS)]
    return Facts(
        {one.id: one for one in batches},
        {one.id: one for one in documents},
        frozenset(row["object_key"] for row in await database.rows(_EXPORTS)),
        tuple([_lost(row) for row in await database.rows(_LOST)]),
    )


def _lost(row: Mapping[str, Any]) -> LostAttempt:
    now = moment()
    return LostAttempt(row["document_id"], row["attempt"], now - row["claimed"], now - row["ended"])
