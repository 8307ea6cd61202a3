"""What clients were told is what came true, or the checker says so."""

from dataclasses import replace

import pytest

from tests.chaos.checker import promises
from tests.chaos.records import Violation
from tests.contract.chaos_checker.finished_run import FIRST, Run, asked, finished_run


@pytest.fixture
def run() -> Run:
    return finished_run()


def told(run: Run) -> list[tuple[str, str, str]]:
    return [(one.invariant, one.kind, one.subject) for one in promises.violations(run.records, run.facts)]


def change(run: Run, **fields: object) -> None:
    run.documents[FIRST] = replace(run.documents[FIRST], **fields)  # pyright: ignore[reportArgumentType]


def test_kept_promises_are_not_told_of(run: Run) -> None:
    run.records.client.answers["request"] = {"batch-1"}
    run.records.client.refusals["FAILED_PRECONDITION BATCH_NOT_DRAFT"] += 1
    run.records.client.refusals["507 STORAGE_FULL"] += 1
    assert told(run) == []


def test_a_batch_that_was_answered_and_is_gone_is_lost(run: Run) -> None:
    run.row = replace(run.row, id="batch-9")
    assert ("I09", "lost", "batch-1") in told(run)


def test_an_accepted_document_that_is_gone_is_lost(run: Run) -> None:
    del run.documents[FIRST]
    assert told(run) == [("I07", "lost", FIRST)]


def test_a_refused_document_that_is_gone_is_none(run: Run) -> None:
    run.batch.documents[FIRST].accepted = False
    del run.documents[FIRST]
    assert told(run) == []


@pytest.mark.parametrize("status", ["QUEUED", "PROCESSING", "RETRY_WAIT", "UPLOADED"])
def test_an_accepted_document_that_never_ends_is_lost(run: Run, status: str) -> None:
    change(run, status=status)
    assert told(run) == [("I07", "lost", FIRST)]


def test_an_accepted_upload_that_is_not_known_is_lost(run: Run) -> None:
    run.batch.sealed = False
    change(run, status="PENDING_UPLOAD", sha256="")
    assert told(run) == [("I07", "lost", FIRST)]


def test_a_draft_may_wait(run: Run) -> None:
    run.batch.sealed = False
    change(run, status="UPLOADED")
    assert told(run) == []


def test_a_row_with_other_bytes_than_were_sent_is_wrong(run: Run) -> None:
    change(run, sha256="0" * 64)
    assert told(run) == [("I08", "wrong", FIRST)]


def test_a_document_nobody_was_told_of_is_duplicated(run: Run) -> None:
    run.documents["document-9"] = replace(run.documents[FIRST], id="document-9")
    assert told(run) == [("I09", "duplicated", "document-9")]


def test_two_answers_to_one_request_id_are_duplicated(run: Run) -> None:
    run.records.client.answers["request"] = {"batch-1", "batch-2"}
    assert told(run) == [("I09", "duplicated", "request")]


def test_an_unreadable_document_that_succeeds_is_wrong(run: Run) -> None:
    run.batch.documents[FIRST].readable = False
    assert told(run) == [("I15", "wrong", FIRST)]


def test_a_document_that_fails_by_a_fault_of_ours_is_told_of(run: Run) -> None:
    change(run, status="FAILED", error_code="INTERNAL")
    assert told(run) == [("I27", "other", FIRST)]


@pytest.mark.parametrize("code", ["POISON_DOCUMENT", "PROVIDER_TIMEOUT", "FILE_CORRUPT", "NO_CODE"])
def test_a_readable_document_that_fails_without_a_cause_is_wrong(run: Run, code: str) -> None:
    change(run, status="FAILED", error_code=code)
    assert told(run) == [("I22", "wrong", FIRST)]


def test_a_readable_document_may_fail_when_the_model_refused_it(run: Run) -> None:
    run.records.model.asked.append(asked(FIRST, 3.0, "garbage"))
    change(run, status="FAILED", error_code="OUTPUT_SCHEMA_INVALID")
    assert told(run) == []


@pytest.mark.parametrize("code", ["FILE_CORRUPT", "SOURCE_MISSING", "PARSER_CRASH"])
def test_no_fault_explains_that_a_readable_document_cannot_be_read(run: Run, code: str) -> None:
    run.fault("worker_killed", 1.0, 2.0)
    change(run, status="FAILED", error_code=code)
    assert told(run) == [("I22", "wrong", FIRST)]


@pytest.mark.parametrize(("code", "found"), [("FILE_CORRUPT", 0), ("POISON_DOCUMENT", 1), ("OUTPUT_TRUNCATED", 1)])
def test_an_unreadable_document_fails_by_its_bytes_alone(run: Run, code: str, found: int) -> None:
    run.batch.documents[FIRST].readable = False
    change(run, status="FAILED", error_code=code)
    assert told(run) == [("I22", "wrong", FIRST)] * found


@pytest.mark.parametrize(
    "refusal", ["INTERNAL INTERNAL", "500 INTERNAL", "UNKNOWN", "409 NO_SUCH_REASON", "200 NOT_FOUND", "UNAVAILABLE"]
)
def test_a_refusal_that_is_not_documented_is_told_of(run: Run, refusal: str) -> None:
    run.records.client.refusals[refusal] += 1
    assert told(run) == [("I27", "other", refusal)]


def test_a_link_that_breaks_needs_no_reason_while_there_are_faults(run: Run) -> None:
    run.fault("link_cut", 1.0, 2.0)
    run.records.client.refusals["INTERNAL"] += 1
    assert told(run) == []


def test_a_violation_says_what_was_seen(run: Run) -> None:
    del run.documents[FIRST]
    assert promises.violations(run.records, run.facts) == [
        Violation("I07", "lost", FIRST, "an accepted document is not there")
    ]
