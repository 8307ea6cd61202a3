"""What clients were told, against the rows (I07-I09, I15, I22, I27)."""

from collections.abc import Iterator

from chassis.failures import CATALOGUE, Category, FailureCode
from tests.chaos.checker.documented import CLIENT_MADE, DOCUMENTED, TRANSPORT
from tests.chaos.checker.facts import DocumentFact, Facts
from tests.chaos.checker.verdict import DUPLICATED, LOST, OTHER, WRONG
from tests.chaos.records import Batch, ClientLog, Document, Records, Violation

FAULTS_OF_OURS = ("INTERNAL", "UNKNOWN")
OF_THE_BYTES = (FailureCode.SOURCE_MISSING, FailureCode.PARSER_CRASH)
"""Codes that no fault around a good file explains, beside those of the category DOCUMENT."""


def violations(records: Records, facts: Facts) -> list[Violation]:
    """Every promise that was not kept."""
    return [
        *_of_batches(records, facts),
        *_answers(records.client),
        *_refusals(records.client, faulty=bool(records.faults.faults)),
    ]


def _of_batches(records: Records, facts: Facts) -> Iterator[Violation]:
    for batch in records.client.batches.values():
        if batch.id not in facts.batches:
            yield Violation("I09", LOST, batch.id, "a batch that was answered is not there")
            continue
        yield from _strangers(batch, facts)
        for document in batch.documents.values():
            row = facts.documents.get(document.id)
            yield from _document(batch, document, row)
            if row is not None:
                yield from _outcome(records, document, row)


def _strangers(batch: Batch, facts: Facts) -> Iterator[Violation]:
    """Documents that were announced twice: a repeated call made others than it answered."""
    if not batch.sealed:
        return
    for row in facts.documents.values():
        if row.batch_id == batch.id and row.id not in batch.documents:
            yield Violation("I09", DUPLICATED, row.id, f"batch {batch.id} holds a document no client was told of")


def _document(batch: Batch, document: Document, row: DocumentFact | None) -> Iterator[Violation]:
    if row is None:
        if document.accepted:
            yield Violation("I07", LOST, document.id, "an accepted document is not there")
        return
    if document.accepted and batch.sealed and not row.final:
        yield Violation("I07", LOST, document.id, f"an accepted and sealed document is {row.status}")
    if document.accepted and row.status == "PENDING_UPLOAD":
        yield Violation("I07", LOST, document.id, "an accepted upload is not known")
    if row.sha256 not in ("", document.sha256):
        yield Violation("I08", WRONG, document.id, "the row tells of other bytes than its client sent")


def _outcome(records: Records, document: Document, row: DocumentFact) -> Iterator[Violation]:
    if row.status == "SUCCEEDED" and not document.readable:
        yield Violation("I15", WRONG, document.id, "an unreadable document succeeded")
    if row.status == "FAILED" and row.error_code == FailureCode.INTERNAL:
        yield Violation("I27", OTHER, document.id, "failed by a fault in Quire")
    elif row.status == "FAILED" and not _explained(records, document, row):
        yield Violation("I22", WRONG, document.id, f"it failed without a cause: {row.error_code}")


def _explained(records: Records, document: Document, row: DocumentFact) -> bool:
    """Whether a document is of a kind, or something was done to it, that may end so."""
    if row.error_code not in FailureCode.__members__:
        return False
    code = FailureCode(row.error_code)
    if CATALOGUE[code].category is Category.DOCUMENT or code in OF_THE_BYTES:
        return not document.readable
    refused = any(call.mark == document.mark and call.answer != "success" for call in records.model.asked)
    return refused or bool(records.faults.faults)


def _answers(client: ClientLog) -> Iterator[Violation]:
    for request_id, ids in client.answers.items():
        if len(ids) > 1:
            yield Violation("I09", DUPLICATED, request_id, f"one request id was answered {', '.join(sorted(ids))}")


def _refusals(client: ClientLog, *, faulty: bool) -> Iterator[Violation]:
    for refusal, times in client.refusals.items():
        code, _, reason = refusal.partition(" ")
        if not reason and code in TRANSPORT and faulty:
            continue
        if (code, reason) not in DOCUMENTED | CLIENT_MADE or reason in FAULTS_OF_OURS:
            yield Violation("I27", OTHER, refusal, f"answered {times} times")
