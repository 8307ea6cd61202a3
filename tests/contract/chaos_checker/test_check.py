"""The whole checker on a whole stack: quiet when all is well, and able to tell of each part when it is not."""

import io
import os
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import pytest
from minio import Minio

from tests.chaos.checker import canaries
from tests.chaos.checker.canaries import Canaries
from tests.chaos.checker.check import check
from tests.chaos.checker.ground import Ground, Process
from tests.chaos.checker.verdict import last_line
from tests.chaos.records import Batch, Document, Records, Violation, canary_of
from tests.contract.chaos_checker.finished_run import fault
from tests.contract.chaos_checker.sound_rows import BATCH, FAILED, FORGET, OTHER_TENANT, TENANT
from tests.integration.batch.database import Database


@pytest.fixture
def store(servers: Mapping[str, str]) -> Minio:
    return Minio(
        urlsplit(servers["QUIRE_S3_ENDPOINT"]).netloc,
        access_key=servers["QUIRE_S3_ACCESS_KEY"],
        secret_key=servers["QUIRE_S3_SECRET_KEY"],
        region=servers["QUIRE_S3_REGION"],
        secure=False,
    )


@pytest.fixture
async def object_left(servers: Mapping[str, str], store: Minio) -> AsyncIterator[str]:
    bucket, key = servers["QUIRE_S3_BUCKET"], f"t/{OTHER_TENANT}/b/9/d/9/u/9"
    body = canary_of("ann").encode()
    store.put_object(bucket, key, io.BytesIO(body), len(body))
    yield key
    store.remove_object(bucket, key)


async def test_a_stack_without_faults_is_not_told_of(ground: Ground, database: Database) -> None:
    await database.execute(FORGET)
    ground.processes = {"here": Process(os.getpid())}
    assert await check(ground, Records()) == []
    assert "I23: 0 of 0 successful model calls were extra (0.00 %)" in ground.notes


async def test_each_part_of_the_checker_is_asked(ground: Ground, database: Database, object_left: str) -> None:
    assert database
    ground.sweep_grace_seconds = -1.0
    ground.processes = {"gone": Process(2**22 + 1)}
    (ground.logs / "batch.log").write_text("Task exception was never retrieved")
    records = Records()
    sent = Document(FAILED, BATCH, "b.txt", "bb", "mark", accepted=True)
    records.client.batches[BATCH] = Batch(BATCH, "ann", sealed=True, documents={FAILED: sent})
    records.client.answers["request"] = {"1", "2"}
    found = {(one.invariant, one.subject) for one in await check(ground, records)}
    assert {
        ("I21", "30000000-0000-4000-8000-000000000003"),
        ("I09", "request"),
        ("I22", FAILED),
        ("I10", BATCH),
        ("I17", object_left),
        ("I16", object_left),
        ("I17", FAILED),
        ("I29", "batch.log"),
        ("I29", "gone"),
    } <= found


async def test_a_canary_in_a_row_of_another_tenant_is_told_of(database: Database) -> None:
    owners = Canaries({canary_of("ann"): TENANT, canary_of("bob"): OTHER_TENANT})
    await database.execute("UPDATE documents SET name = $1", canary_of("ann"))
    assert await canaries.in_rows(database, owners) == []
    await database.execute("UPDATE batch_processes SET name = $1 WHERE id = $2", canary_of("bob"), BATCH)
    await database.execute(
        """INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body)
           VALUES ($1, $2, gen_random_uuid(), 't', 'k', $3)""",
        OTHER_TENANT,
        BATCH,
        canary_of("ann").encode(),
    )
    found = await canaries.in_rows(database, owners)
    assert [one.subject.split()[0] for one in found] == ["batch_processes", "outbox"]


def test_the_last_line_counts_what_was_hit_once_and_findings_all() -> None:
    records = Records()
    records.faults.faults.append(fault("broker_killed", 1.0, 2.0))
    records.client.batches["b"] = Batch("b", "ann", documents={"d": Document("d", "b", "d.txt", "", "")})
    found = [
        Violation("I07", "lost", "d", ""),
        Violation("I17", "lost", "d", ""),
        Violation("I10", "duplicated", "b", ""),
        Violation("I28", "other", "batch.log", ""),
    ]
    assert last_line(7, records, found) == (
        "chaos: seed=7 faults=1 documents=1 lost=1 duplicated=1 wrong=0 violations=4"
    )
