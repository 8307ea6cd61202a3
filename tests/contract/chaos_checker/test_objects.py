"""What lies in the store is what the rows point to, or the checker says so."""

from dataclasses import replace

import pytest

from tests.chaos.checker import objects
from tests.chaos.checker.store import Stored
from tests.chaos.records import canary_of
from tests.contract.chaos_checker.finished_run import (
    FIRST,
    OTHER,
    OTHER_ID,
    SECOND,
    TENANT,
    TENANT_ID,
    Run,
    digest,
    finished_run,
    result_of,
)

GRACE_SECONDS = 100.0


@pytest.fixture
def run() -> Run:
    return finished_run()


def told(run: Run) -> list[tuple[str, str, str]]:
    found = objects.violations(run.store, run.records, run.facts, GRACE_SECONDS)
    return [(one.invariant, one.kind, one.subject) for one in found]


def key_of(run: Run, what: str) -> str:
    key: str = getattr(run.documents[FIRST], what)
    return key


def overwrite_result(run: Run, body: bytes) -> None:
    """As if it had been reported so."""
    key = key_of(run, "result_key")
    run.objects[key] = Stored(key, body)
    run.documents[FIRST] = replace(run.documents[FIRST], result_sha256=digest(body))


def test_a_store_that_holds_what_it_must_is_not_told_of(run: Run) -> None:
    assert told(run) == []


def test_a_success_without_a_result_is_wrong(run: Run) -> None:
    del run.objects[key_of(run, "result_key")]
    assert told(run) == [("I14", "wrong", FIRST)]


def test_a_result_that_was_written_over_is_wrong(run: Run) -> None:
    key = key_of(run, "result_key")
    run.objects[key] = Stored(key, result_of(FIRST) + b" ")
    assert told(run) == [("I14", "wrong", FIRST)]


def test_a_result_of_another_document_is_wrong(run: Run) -> None:
    overwrite_result(run, result_of(SECOND, f"mark-{FIRST}"))
    assert told(run) == [("I15", "wrong", FIRST)]


def test_a_result_of_other_bytes_is_wrong(run: Run) -> None:
    overwrite_result(run, result_of(FIRST, sha256="0" * 64))
    assert told(run) == [("I15", "wrong", FIRST)]


def test_a_result_with_the_mark_of_another_document_is_wrong(run: Run) -> None:
    overwrite_result(run, result_of(FIRST, f"mark-{SECOND}"))
    assert told(run) == [("I15", "wrong", FIRST)]


def test_a_result_that_is_no_json_is_wrong(run: Run) -> None:
    overwrite_result(run, b"[1,")
    assert told(run) == [("I15", "wrong", FIRST), ("I15", "wrong", FIRST)]


def test_an_upload_that_is_gone_is_lost(run: Run) -> None:
    del run.objects[key_of(run, "object_key")]
    assert told(run) == [("I17", "lost", FIRST)]


def test_an_upload_of_other_bytes_is_wrong(run: Run) -> None:
    key = key_of(run, "object_key")
    run.objects[key] = Stored(key, b"other")
    assert told(run) == [("I15", "wrong", FIRST)]


def test_a_deleted_batch_needs_no_objects(run: Run) -> None:
    run.row = replace(run.row, deleted=True)
    run.objects.clear()
    assert told(run) == []


@pytest.mark.parametrize(("age_seconds", "found"), [(99.0, 0), (101.0, 1)])
def test_an_object_nobody_points_to_may_be_young(run: Run, age_seconds: float, found: int) -> None:
    key = f"t/{TENANT_ID}/b/batch-1/d/{FIRST}/a/2/result.json"
    run.objects[key] = Stored(key, result_of(FIRST), age_seconds)
    assert told(run) == [("I17", "other", key)] * found


@pytest.mark.parametrize(("age_seconds", "found"), [(99.0, 0), (101.0, 1)])
def test_an_upload_in_parts_may_be_open_while_it_is_young(run: Run, age_seconds: float, found: int) -> None:
    run.open_uploads["t/1/u/9"] = age_seconds
    assert told(run) == [("I17", "other", "t/1/u/9")] * found


def test_a_canary_in_an_object_of_another_tenant_is_wrong(run: Run) -> None:
    key = f"t/{OTHER_ID}/b/batch-2/d/9/u/1"
    run.objects[key] = Stored(key, canary_of(TENANT).encode())
    assert told(run) == [("I16", "wrong", key)]


def test_a_canary_that_begins_like_another_is_not_taken_for_it(run: Run) -> None:
    key = f"t/{OTHER_ID}/b/batch-2/d/9/u/1"
    run.objects[key] = Stored(key, canary_of(OTHER).encode())
    assert told(run) == []
