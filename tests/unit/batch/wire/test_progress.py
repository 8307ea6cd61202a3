"""Progress events are read or refused; nothing between."""

from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from batch.domain.events import Extracted, Failed, Progressed, Released, Spent, Stage
from batch.wire.progress import Unreadable, read
from chassis.failures import FailureCode
from chassis.topology import DOCUMENT_EXTRACTED, DOCUMENT_FAILED, DOCUMENT_PROGRESSED, DOCUMENT_RELEASED
from quire.batch.v1.document_pb2 import STAGE_EXTRACT, Usage
from quire.events.v1.progress_pb2 import (
    AttemptRef,
    DocumentExtracted,
    DocumentFailed,
    DocumentProgressed,
    DocumentReleased,
)

KINDS = [DOCUMENT_PROGRESSED, DOCUMENT_EXTRACTED, DOCUMENT_FAILED, DOCUMENT_RELEASED]


def a_ref(**changes: Any) -> AttemptRef:
    fields: dict[str, Any] = {"document_id": str(uuid4()), "attempt": 1, "lease_token": str(uuid4())}
    return AttemptRef(**{**fields, **changes})


def event_of(kind: str, ref: AttemptRef) -> Message:
    if kind == DOCUMENT_PROGRESSED:
        return DocumentProgressed(ref=ref)
    if kind == DOCUMENT_EXTRACTED:
        return DocumentExtracted(ref=ref, result_key="k")
    return DocumentFailed(ref=ref, code="INTERNAL") if kind == DOCUMENT_FAILED else DocumentReleased(ref=ref)


def test_each_kind_is_read_into_its_fact() -> None:
    ref = a_ref(attempt=3, retry_generation=2)
    moved = DocumentProgressed(ref=ref, stage=STAGE_EXTRACT, pages_done=2, pages_total=5, media_type="text/plain")
    done = DocumentExtracted(
        ref=ref, result_key="k", pages=4, usage=Usage(input_tokens=1, output_tokens=2, cost_micros=3)
    )
    broke = DocumentFailed(ref=ref, code="FILE_CORRUPT", message="why", phase=STAGE_EXTRACT)
    gave = DocumentReleased(ref=ref, code="PROVIDER_RATE_LIMITED")
    gave.retry_after.FromMilliseconds(1500)
    facts = [read(kind, sent.SerializeToString()) for kind, sent in zip(KINDS, (moved, done, broke, gave), strict=True)]
    assert [type(fact) for fact in facts] == [Progressed, Extracted, Failed, Released]
    assert {(str(fact.ref.document_id), fact.ref.attempt, fact.ref.retry_generation) for fact in facts} == {
        (ref.document_id, 3, 2)
    }
    progressed, extracted, failed, released = facts
    assert isinstance(progressed, Progressed)
    assert (progressed.stage, progressed.pages_done, progressed.pages_total) == (Stage.EXTRACT, 2, 5)
    assert isinstance(extracted, Extracted)
    assert (extracted.pages, extracted.spent) == (4, Spent(1, 2, 3))
    assert isinstance(failed, Failed)
    assert (failed.code, failed.phase, failed.message) == (FailureCode.FILE_CORRUPT, Stage.EXTRACT, "why")
    assert isinstance(released, Released)
    assert (released.code, released.retry_after) == (FailureCode.PROVIDER_RATE_LIMITED, 1.5)


@pytest.mark.catalogue("Q02")
@pytest.mark.parametrize("kind", ["", "document.extract.v1", "document.progressed.v2", "document.unknown.v1", "#"])
def test_an_unknown_kind_is_unreadable(kind: str) -> None:
    with pytest.raises(Unreadable, match="unknown kind"):
        read(kind, b"")


@pytest.mark.catalogue("Q01")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [b"", b"\xff" * 20, b"{}", b"\x0a\xff", b"\x00" * 100])
def test_garbage_is_unreadable(kind: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(kind, body)


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=80))
def test_no_bytes_raise_anything_but_unreadable(kind: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(kind, body)


@pytest.mark.catalogue("Q05")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fault",
    [
        {"attempt": 0},
        {"attempt": -1},
        {"document_id": ""},
        {"document_id": "../x"},
        {"lease_token": "x"},
        {"lease_token": "\0" * 36},
    ],
)
def test_a_reference_that_cannot_be_is_unreadable(kind: str, fault: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(kind, event_of(kind, a_ref(**fault)).SerializeToString())


def test_an_unknown_code_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(DOCUMENT_FAILED, DocumentFailed(ref=a_ref(), code="NO_SUCH_CODE").SerializeToString())
    with pytest.raises(Unreadable):
        read(DOCUMENT_FAILED, DocumentFailed(ref=a_ref()).SerializeToString())
    with pytest.raises(Unreadable):
        read(DOCUMENT_RELEASED, DocumentReleased(ref=a_ref(), code="NO_SUCH_CODE").SerializeToString())


def test_a_result_without_a_key_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(DOCUMENT_EXTRACTED, DocumentExtracted(ref=a_ref()).SerializeToString())


def test_a_stage_of_a_later_version_is_no_stage() -> None:
    sent = DocumentProgressed(ref=a_ref())
    body = sent.SerializeToString() + b"\x10\x63"  # field 2, stage, holds 99
    fact = read(DOCUMENT_PROGRESSED, body)
    assert isinstance(fact, Progressed)
    assert fact.stage is Stage.NONE


def test_a_negative_cost_is_no_cost() -> None:
    usage = Usage(input_tokens=-1, output_tokens=-1, cost_micros=-1)
    fact = read(DOCUMENT_EXTRACTED, DocumentExtracted(ref=a_ref(), result_key="k", usage=usage).SerializeToString())
    assert isinstance(fact, Extracted)
    assert fact.spent == Spent()
