"""Where a batch is follows from its counters (the table of DESIGN §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.domain.status import FINAL_BATCH, BatchFacts, BatchStatus, Counters, final_status, status_of
from tests.unit.batch.domain.builders import counted

FINAL = [
    (counted(succeeded=3), False, BatchStatus.COMPLETED),
    (counted(succeeded=3), True, BatchStatus.COMPLETED),
    (counted(failed=3), False, BatchStatus.FAILED),
    (counted(failed=3), True, BatchStatus.FAILED),
    (counted(succeeded=2, failed=1), False, BatchStatus.COMPLETED_WITH_ERRORS),
    (counted(succeeded=2, cancelled=1), False, BatchStatus.COMPLETED_WITH_ERRORS),
    (counted(failed=2, cancelled=1), False, BatchStatus.FAILED),
    (counted(cancelled=3), False, BatchStatus.CANCELLED),
    (counted(cancelled=3), True, BatchStatus.CANCELLED),
    (counted(succeeded=2, cancelled=1), True, BatchStatus.CANCELLED),
    (counted(failed=2, cancelled=1), True, BatchStatus.CANCELLED),
    (counted(expired=1, cancelled=1), True, BatchStatus.CANCELLED),
    (counted(expired=1, cancelled=1), False, BatchStatus.EXPIRED),
    (counted(succeeded=2, expired=1), False, BatchStatus.EXPIRED),
    (counted(succeeded=2, expired=1), True, BatchStatus.EXPIRED),
    (counted(failed=2, expired=1), False, BatchStatus.EXPIRED),
    (counted(expired=3), False, BatchStatus.EXPIRED),
]


def facts(
    counters: Counters,
    *,
    sealed: bool = True,
    started: bool = True,
    cancelled: bool = False,
    draft_expired: bool = False,
) -> BatchFacts:
    return BatchFacts(counters, sealed, started, cancelled, draft_expired)


@pytest.mark.parametrize(("counters", "cancel_requested", "expected"), FINAL)
def test_final_status_follows_the_table_when_nothing_is_open(
    counters: Counters, cancel_requested: bool, expected: BatchStatus
) -> None:
    assert final_status(counters, cancel_requested=cancel_requested) is expected
    assert status_of(facts(counters, cancelled=cancel_requested)) is expected


def test_a_draft_is_pending_whatever_it_holds() -> None:
    assert status_of(facts(counted(uploaded=2, pending_upload=1), sealed=False)) is BatchStatus.PENDING
    assert status_of(facts(Counters(), sealed=False)) is BatchStatus.PENDING


def test_a_draft_ends_when_cancelled_or_left_idle() -> None:
    assert status_of(facts(Counters(), sealed=False, cancelled=True)) is BatchStatus.CANCELLED
    assert status_of(facts(Counters(), sealed=False, draft_expired=True)) is BatchStatus.EXPIRED


def test_a_sealed_batch_is_queued_until_the_first_claim() -> None:
    assert status_of(facts(counted(queued=2), started=False)) is BatchStatus.QUEUED
    assert status_of(facts(counted(queued=1, processing=1))) is BatchStatus.PROCESSING
    assert status_of(facts(counted(retry_wait=1, succeeded=1))) is BatchStatus.PROCESSING


def test_a_batch_is_cancelling_while_something_runs_after_a_cancel() -> None:
    assert status_of(facts(counted(processing=1, cancelled=4), cancelled=True)) is BatchStatus.CANCELLING


@given(
    st.builds(counted, succeeded=st.integers(0, 3), failed=st.integers(0, 3), cancelled=st.integers(0, 3)),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_sealed_batch_is_final_if_and_only_if_nothing_is_open(
    final: Counters, processing: int, cancelled: bool
) -> None:
    numbers = {"succeeded": final.succeeded, "failed": final.failed, "cancelled": final.cancelled}
    counters = counted(**numbers, processing=processing)
    assert (status_of(facts(counters, cancelled=cancelled)) in FINAL_BATCH) == (counters.open == 0)


def test_counters_tell_open_and_final_apart() -> None:
    counters = counted(queued=1, processing=2, retry_wait=3, succeeded=4, failed=5, cancelled=6, expired=7)
    assert (counters.final, counters.open) == (22, 6)
