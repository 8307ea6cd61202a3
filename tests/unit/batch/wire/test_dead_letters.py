"""A dead letter says where it came from, whom it names and why it is dead."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from batch.wire.dead_letters import Letter, read
from chassis.topology import DOCUMENT_FAILED, EXTRACT_JOB, JOBS_EXTRACT, PROGRESS_FOLD
from quire.events.v1.progress_pb2 import AttemptRef, DocumentFailed
from quire.jobs.v1.jobs_pb2 import ExtractDocument

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DOCUMENT = UUID("01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10")
JOB = ExtractDocument(document_id=str(DOCUMENT)).SerializeToString()
FAILED = DocumentFailed(
    ref=AttemptRef(document_id=str(DOCUMENT), attempt=1, lease_token=str(DOCUMENT)), code="FILE_CORRUPT"
).SerializeToString()


def letter(kind: str, body: bytes, queue: str, reason: str = "rejected", **death: Any) -> Letter:
    newest = {"queue": queue, "reason": reason, "exchange": "quire.x", "routing-keys": [kind], "count": 1, **death}
    older = {"queue": "elsewhere", "reason": "expired"}
    return Letter("one", kind, {"x-death": [newest, older], "x-first-death-queue": queue, "kept": "yes"}, body)


@pytest.mark.parametrize(
    ("sent", "document", "explanation"),
    [
        (letter(EXTRACT_JOB, JOB, JOBS_EXTRACT.name), DOCUMENT, "a worker failed on it"),
        (letter(EXTRACT_JOB, b"\xff", JOBS_EXTRACT.name), None, "a worker could not read it"),
        (letter(EXTRACT_JOB, JOB, JOBS_EXTRACT.name, "delivery_limit"), DOCUMENT, "it was delivered too often"),
        (letter(DOCUMENT_FAILED, FAILED, PROGRESS_FOLD.name), DOCUMENT, "the database refused it"),
        (letter(DOCUMENT_FAILED, b"", PROGRESS_FOLD.name), None, "document.failed.v1: attempts count from 1"),
        (letter("other", JOB, PROGRESS_FOLD.name), None, "unknown kind 'other'"),
        (Letter("one", EXTRACT_JOB, {}, JOB), DOCUMENT, "it was sent to the dead letters without a queue before"),
    ],
)
def test_a_letter_names_its_document_and_explains_itself(sent: Letter, document: UUID | None, explanation: str) -> None:
    found = read(sent, DOCUMENT, NOW)
    assert found.document_id == document
    assert found.explanation.startswith(explanation)


def test_only_the_newest_death_counts_and_the_brokers_own_headers_are_left_out() -> None:
    died = datetime(2026, 10, 1, tzinfo=UTC)
    found = read(letter(EXTRACT_JOB, JOB, JOBS_EXTRACT.name, time=died), DOCUMENT, NOW)
    assert (found.queue, found.exchange, found.routing_key) == (JOBS_EXTRACT.name, "quire.x", EXTRACT_JOB)
    assert (found.dead_at, found.headers) == (died, {"kept": "yes"})


def test_two_letters_differ_by_what_they_hold_and_by_when_they_died() -> None:
    first, again = (letter(EXTRACT_JOB, JOB, JOBS_EXTRACT.name, time=NOW) for _ in range(2))
    later = letter(EXTRACT_JOB, JOB, JOBS_EXTRACT.name, time=datetime(2026, 11, 2, tzinfo=UTC))
    other = letter(EXTRACT_JOB, JOB + JOB, JOBS_EXTRACT.name, time=NOW)
    digests = [read(one, DOCUMENT, NOW).digest for one in (first, again, later, other)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
