"""The rows: what holds in every committed state, and what once everything is quiet (I01-I06, I12, I20-I25, I31, I33).

A statement answers the ids of what breaks its invariant. `$1` is in seconds: of what must always hold the length of a
lease, of what must hold once quiet how long something may take that is just going on.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests import audit
from tests.audit import FINAL_DOCUMENT
from tests.chaos.checker.ground import Ground
from tests.chaos.checker.verdict import DUPLICATED, OTHER, WRONG
from tests.chaos.records import Violation
from tests.integration.batch.database import Database

ASK_SECONDS = 30.0
MOST_LOSSES = 5
REST_SECONDS = 5.0


@dataclass(frozen=True)
class Rule:
    """An invariant of the rows."""

    invariant: str
    kind: str
    sql: str = ""


AUDITED: Mapping[str, Rule] = {
    "counters are the recount of the rows": Rule("I02", WRONG),
    "processed is all that is final and no more than all": Rule("I01", WRONG),
    "a sealed batch is final if and only if its documents are": Rule("I04", WRONG),
    "a terminal event id stands on a final batch and only there": Rule("I12", WRONG),
    "a lease stands on a running document and only there": Rule("I21", OTHER),
    "a result stands on a success and only there": Rule("I14", WRONG),
    "no tenant has more in flight than its tier allows": Rule("I25", OTHER),
    "no tenant has more open batches than its tier allows": Rule("I25", OTHER),
    "a document costs what its attempts cost": Rule("I33", DUPLICATED),
    "each claim is one line of the timeline": Rule("I22", OTHER),
    "moments come in their order": Rule("I31", OTHER),
    "nothing holds a final batch": Rule("I04", OTHER),
    "every final batch is purged some day": Rule("I17", OTHER),
    "a final status is left by a retry only": Rule("I03", DUPLICATED),
    "documents move along the graph of the design": Rule("I05", OTHER),
    "a document ends once in a retry generation": Rule("I03", DUPLICATED),
}

ALWAYS: Mapping[str, Rule] = {
    "a lease is given and renewed by the clock of the database": Rule("I31", OTHER, """
        SELECT d.id FROM documents d
          JOIN document_attempts a ON a.document_id = d.id AND a.attempt = d.attempt
         WHERE d.lease_until > clock_timestamp() + make_interval(secs => $1)
            OR d.lease_until < a.claimed_at + make_interval(secs => $1)"""),
    "no moment lies ahead": Rule("I31", OTHER, """
        SELECT id FROM documents
         WHERE greatest(created_at, uploaded_at, started_at, finished_at) > clock_timestamp()
         UNION ALL
        SELECT id FROM batch_processes
         WHERE greatest(created_at, sealed_at, started_at, completed_at) > clock_timestamp()"""),
    "moments of a batch come in their order": Rule("I31", OTHER, """
        SELECT id FROM batch_processes
         WHERE created_at > sealed_at OR sealed_at > started_at OR started_at > completed_at
            OR created_at > completed_at"""),
    "a document has an end if and only if it is final": Rule("I31", OTHER, f"""
        SELECT id FROM documents WHERE (finished_at IS NOT NULL) <> (status IN {FINAL_DOCUMENT})"""),
    "a dispatch stands on an open document only": Rule("I21", OTHER, """
        SELECT id FROM documents
         WHERE dispatch_id IS NOT NULL AND status NOT IN ('QUEUED','RETRY_WAIT','PROCESSING')"""),
    "no change is newer than its batch": Rule("I06", OTHER, """
        SELECT d.id FROM documents d JOIN batch_processes b ON b.id = d.batch_id WHERE d.changed_version > b.version
         UNION ALL
        SELECT id FROM batch_processes WHERE emitted_version > version"""),
    "no budget is overdrawn": Rule("I22", OTHER, f"""
        SELECT d.id FROM documents d JOIN batch_processes b ON b.id = d.batch_id
         WHERE d.failures > coalesce(nullif((b.options->>'max_failures')::int, 0), 3) OR d.losses > {MOST_LOSSES}"""),
    "a budget is spent by runs only": Rule("I22", OTHER, """
        SELECT d.id FROM documents d CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE outcome = 'failed' OR error_code = 'DOCUMENT_TIMEOUT') AS failed,
                      count(*) FILTER (WHERE error_code = 'WORKER_LOST') AS lost
                 FROM document_attempts WHERE document_id = d.id AND retry_generation = d.retry_generation) a
         WHERE d.failures > a.failed OR d.losses > a.lost"""),
    "a batch and its documents keep to their tier": Rule("I25", OTHER, """
        SELECT id FROM batch_processes WHERE total_documents > (limits->>'documents_per_batch')::int
         UNION ALL
        SELECT d.id FROM documents d JOIN batch_processes b ON b.id = d.batch_id
         WHERE d.uploaded_at IS NOT NULL AND d.size_bytes > (b.limits->>'bytes_per_document')::bigint
            OR d.status = 'SUCCEEDED' AND d.pages_total > (b.limits->>'pages_per_document')::int"""),
    "a sealed document is counted once for its tenant": Rule("I33", DUPLICATED, """
        SELECT coalesce(u.tenant_id, s.tenant_id) AS id
          FROM (SELECT tenant_id, sum(documents) AS n FROM usage_by_month GROUP BY 1) u
          FULL JOIN (SELECT tenant_id, sum(total_documents) AS n FROM batch_processes
                      WHERE sealed_at IS NOT NULL GROUP BY 1) s USING (tenant_id)
         WHERE coalesce(u.n, 0) <> coalesce(s.n, 0)"""),
}  # fmt: skip

ONCE_QUIET: Mapping[str, Rule] = {
    "everything was told": Rule("I20", WRONG, """
        SELECT batch_id AS id FROM outbox"""),
    "every change of an open batch was told": Rule("I12", WRONG, """
        SELECT id FROM batch_processes
         WHERE version > emitted_version AND completed_at IS NULL
           AND updated_at < now() - make_interval(secs => $1)"""),
    "nobody holds a lease": Rule("I21", OTHER, """
        SELECT id FROM documents WHERE lease_token IS NOT NULL"""),
    "no session sleeps in a transaction": Rule("I21", OTHER, """
        SELECT pid AS id FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'
           AND state_change < clock_timestamp() - make_interval(secs => $1)"""),
    "no advisory lock is forgotten": Rule("I21", OTHER, """
        SELECT a.pid AS id FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'advisory'
           AND coalesce(a.xact_start, '-infinity') < clock_timestamp() - make_interval(secs => $1)
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""),
}  # fmt: skip


async def always(database: Database, lease_seconds: float) -> list[Violation]:
    """What is broken of that which must hold in every committed state."""
    async with asyncio.timeout(ASK_SECONDS):
        found = [_violation(name, AUDITED[name], broken) for name, broken in await audit.violations(database)]
        return found + await _ask(database, ALWAYS, lease_seconds)


async def once_quiet(database: Database, rest_seconds: float = REST_SECONDS) -> list[Violation]:
    """What is broken of that which must hold when nothing is going on any more."""
    async with asyncio.timeout(ASK_SECONDS):
        return await _ask(database, ONCE_QUIET, rest_seconds)


async def violations(ground: Ground, database: Database) -> list[Violation]:
    """All of it."""
    return await always(database, ground.lease_seconds) + await once_quiet(database)


async def _ask(database: Database, rules: Mapping[str, Rule], *values: float) -> list[Violation]:
    sql = " UNION ALL ".join(
        f"SELECT '{name}' AS name, x.id::text AS broken FROM ({rule.sql}) x" for name, rule in rules.items()
    )
    return [_violation(row["name"], rules[row["name"]], row["broken"]) for row in await database.rows(sql, *values)]


def _violation(name: str, rule: Rule, broken: Any) -> Violation:
    return Violation(rule.invariant, rule.kind, str(broken), f"broken: {name}")
