"""Each invariant of the rows is silent on sound rows and speaks of the broken one."""

import pytest

from tests import audit
from tests.chaos.checker import rows
from tests.chaos.checker.rows import ALWAYS, AUDITED, ONCE_QUIET
from tests.contract.chaos_checker.sound_rows import BATCH, FAILED, OPEN_BATCH, RUNNING, SUCCEEDED, TENANT
from tests.integration.batch.database import Database

LEASE_SECONDS = 20.0

# By invariant: how to break it, and whose id must be told.
BROKEN = {
    "counters are the recount of the rows": ("UPDATE batch_processes SET succeeded = 2 WHERE id = $1", BATCH),
    "processed is all that is final and no more than all": (
        "UPDATE batch_processes SET succeeded = 9 WHERE id = $1", BATCH),
    "a sealed batch is final if and only if its documents are": (
        "UPDATE batch_processes SET status = 'PROCESSING' WHERE id = $1", BATCH),
    "a terminal event id stands on a final batch and only there": (
        "UPDATE batch_processes SET terminal_event_id = NULL WHERE id = $1", BATCH),
    "a lease stands on a running document and only there": (
        "UPDATE documents SET lease_token = NULL WHERE id = $1", RUNNING),
    "a result stands on a success and only there": ("UPDATE documents SET result_key = NULL WHERE id = $1", SUCCEEDED),
    "no tenant has more in flight than its tier allows": (
        """UPDATE batch_processes SET limits = jsonb_set(limits, '{documents_in_flight}', '0')
            WHERE tenant_id = $1""", TENANT),
    "no tenant has more open batches than its tier allows": (
        "UPDATE batch_processes SET limits = jsonb_set(limits, '{open_batches}', '0') WHERE tenant_id = $1", TENANT),
    "a document costs what its attempts cost": (
        "UPDATE document_attempts SET input_tokens = 41 WHERE document_id = $1", SUCCEEDED),
    "each claim is one line of the timeline": ("DELETE FROM document_attempts WHERE document_id = $1", FAILED),
    "nothing holds a final batch": ("UPDATE batch_processes SET holds = '{PAUSED_BY_USER}' WHERE id = $1", BATCH),
    "every final batch is purged some day": ("UPDATE batch_processes SET purge_at = NULL WHERE id = $1", BATCH),
    "moments come in their order": (
        "UPDATE documents SET uploaded_at = finished_at WHERE id = $1", SUCCEEDED),
    "a final status is left by a retry only": ("UPDATE documents SET status = 'QUEUED' WHERE id = $1", FAILED),
    "documents move along the graph of the design": (
        "UPDATE documents SET status = 'PENDING_UPLOAD' WHERE id = $1", RUNNING),
    "a document ends once in a retry generation": ("UPDATE documents SET status = 'EXPIRED' WHERE id = $1", SUCCEEDED),
    "a lease is given and renewed by the clock of the database": (
        "UPDATE documents SET lease_until = lease_until + interval '1 hour' WHERE id = $1", RUNNING),
    "no moment lies ahead": ("UPDATE documents SET finished_at = now() + interval '1 hour' WHERE id = $1", FAILED),
    "moments of a batch come in their order": (
        "UPDATE batch_processes SET sealed_at = completed_at WHERE id = $1", BATCH),
    "a document has an end if and only if it is final": (
        "UPDATE documents SET finished_at = NULL WHERE id = $1", FAILED),
    "a dispatch stands on an open document only": (
        "UPDATE documents SET dispatch_id = gen_random_uuid() WHERE id = $1", FAILED),
    "no change is newer than its batch": ("UPDATE documents SET changed_version = 99 WHERE id = $1", FAILED),
    "no budget is overdrawn": ("UPDATE documents SET failures = 4 WHERE id = $1", FAILED),
    "a budget is spent by runs only": ("UPDATE documents SET losses = 1 WHERE id = $1", FAILED),
    "a batch and its documents keep to their tier": ("UPDATE documents SET size_bytes = 1001 WHERE id = $1", FAILED),
    "a sealed document is counted once for its tenant": (
        "UPDATE usage_by_month SET documents = 6 WHERE tenant_id = $1", TENANT),
    "everything was told": (
        """INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body)
           SELECT tenant_id, id, gen_random_uuid(), 't', 'k', '' FROM batch_processes WHERE id = $1""", BATCH),
    "every change of an open batch was told": ("UPDATE batch_processes SET version = 6 WHERE id = $1", OPEN_BATCH),
    "nobody holds a lease": ("SELECT $1::uuid", RUNNING),
}  # fmt: skip
OF_SESSIONS = {"no session sleeps in a transaction", "no advisory lock is forgotten"}


async def told(database: Database) -> list[tuple[str, str]]:
    found = await rows.always(database, LEASE_SECONDS) + await rows.once_quiet(database, rest_seconds=0)
    return [(one.detail.removeprefix("broken: "), one.subject) for one in found]


def test_every_invariant_of_the_audit_has_a_number() -> None:
    assert set(AUDITED) == set(audit.INVARIANTS)


def test_every_invariant_of_the_rows_is_broken_by_a_test() -> None:
    assert set(BROKEN) | OF_SESSIONS == {*AUDITED, *ALWAYS, *ONCE_QUIET}


async def test_the_rows_are_silent_when_nothing_is_broken(database: Database) -> None:
    assert await told(database) == [("nobody holds a lease", RUNNING)]


@pytest.mark.parametrize("name", BROKEN)
async def test_the_rows_tell_of_what_is_broken(database: Database, name: str) -> None:
    sql, subject = BROKEN[name]
    await database.execute(sql, subject)
    assert (name, subject) in await told(database)


async def test_the_rows_tell_of_a_lease_that_is_shorter_than_it_was_granted(database: Database) -> None:
    await database.execute("UPDATE documents SET lease_until = now() - interval '1 hour' WHERE id = $1", RUNNING)
    assert ("a lease is given and renewed by the clock of the database", RUNNING) in await told(database)


async def test_the_rows_tell_of_a_session_that_sleeps_in_a_transaction(
    database: Database, servers: dict[str, str]
) -> None:
    sleeper = await Database.connect(servers["QUIRE_DATABASE_OWNER_URL"])
    await sleeper.execute("BEGIN")
    await sleeper.value("SELECT pg_advisory_xact_lock(1)")
    pid = str(await sleeper.value("SELECT pg_backend_pid()"))
    found = await told(database)
    await sleeper.close()
    assert {(name, pid) for name in OF_SESSIONS} <= set(found)
