"""The fold: what each event does to a document in each situation."""

from dataclasses import replace

import pytest

from batch.domain import retries
from batch.domain.events import Event, Ref, Spent, Stage
from batch.domain.fold import DocumentState, ErrorNote, fold
from batch.domain.status import FINAL_DOCUMENT, DocumentStatus
from chassis.failures import CATALOGUE, FailureCode
from tests.unit.batch.domain.builders import (
    a_ref,
    a_token,
    after,
    extracted,
    failed,
    lost,
    progressed,
    released,
    running,
    standing,
    timed_out,
)

STALE = a_ref(1, token=a_token(99))
PERMANENT = [code for code in FailureCode if not CATALOGUE[code].retryable and code is not FailureCode.CANCELLED]
RETRYABLE = [code for code in FailureCode if CATALOGUE[code].retryable]


def ends_of(ref: Ref) -> list[Event]:
    return [failed(ref), released(ref), lost(ref), timed_out(ref)]


def test_progress_grows_stage_and_pages_of_the_current_attempt() -> None:
    seen = after(running(), progressed(a_ref(), Stage.EXTRACT, 2, 5))
    assert (seen.stage, seen.pages_done, seen.pages_total) == (Stage.EXTRACT, 2, 5)


@pytest.mark.catalogue("Q06")
def test_progress_never_shrinks_when_it_comes_out_of_order() -> None:
    seen = after(running(), progressed(a_ref(), Stage.EXTRACT, 4, 5), progressed(a_ref(), Stage.PARSE, 1, 3))
    assert (seen.stage, seen.pages_done, seen.pages_total) == (Stage.EXTRACT, 4, 5)


@pytest.mark.catalogue("Q06")
@pytest.mark.parametrize(("done", "total", "shown"), [(7, 5, (5, 5)), (-1, 5, (0, 5)), (3, -5, (0, 0)), (3, 0, (0, 0))])
def test_progress_clamps_pages_that_cannot_be(done: int, total: int, shown: tuple[int, int]) -> None:
    seen = after(running(), progressed(a_ref(), Stage.PARSE, done, total))
    assert (seen.pages_done, seen.pages_total) == shown


def test_progress_told_twice_moves_once() -> None:
    first = fold(running(), progressed(a_ref(), Stage.PARSE, 1, 2), 0.5)
    again = fold(first.state, progressed(a_ref(), Stage.PARSE, 1, 2), 0.5)
    assert (first.moved, again.moved) == (True, False)


def test_a_result_of_the_current_attempt_succeeds() -> None:
    folded = fold(running(), extracted(a_ref(), pages=3), 0.5)
    assert folded.moved
    assert folded.state.status is DocumentStatus.SUCCEEDED
    assert folded.state.lease_token is None
    assert (folded.state.pages_done, folded.state.pages_total) == (3, 3)
    assert folded.state.result is not None
    assert folded.end is not None
    assert (folded.end.outcome, folded.end.spent) == ("succeeded", Spent(5, 2, 7))


def test_a_result_clears_the_error_of_the_attempt_before() -> None:
    noted = replace(running(2), error=ErrorNote(FailureCode.WORKER_LOST, "gone", Stage.PARSE))
    assert after(noted, extracted(a_ref(2))).error is None


@pytest.mark.parametrize(
    "state", [running(2), standing(DocumentStatus.RETRY_WAIT, 2), standing(DocumentStatus.QUEUED, 2)]
)
def test_a_late_result_of_an_earlier_attempt_finishes_an_open_document(state: DocumentState) -> None:
    assert after(state, extracted(a_ref(1))).status is DocumentStatus.SUCCEEDED


def test_a_result_of_an_attempt_that_never_was_moves_nothing() -> None:
    assert not fold(running(2), extracted(a_ref(3)), 0.5).moved
    assert not fold(standing(DocumentStatus.QUEUED, 0), extracted(a_ref(1)), 0.5).moved


def test_a_result_of_an_earlier_retry_generation_moves_nothing() -> None:
    reopened = replace(standing(DocumentStatus.QUEUED, 1), retry_generation=1)
    folded = fold(reopened, extracted(a_ref(1, generation=0)), 0.5)
    assert not folded.moved
    assert folded.end is not None, "its cost is still told"


@pytest.mark.catalogue("Q05")
@pytest.mark.parametrize("status", sorted(FINAL_DOCUMENT))
@pytest.mark.parametrize("event", [extracted(a_ref()), *ends_of(a_ref()), progressed(a_ref())])
def test_a_final_status_is_never_left(status: DocumentStatus, event: Event) -> None:
    folded = fold(standing(status), event, 0.5)
    assert not folded.moved
    assert folded.state == standing(status)


@pytest.mark.catalogue("Q05")
@pytest.mark.parametrize("event", [*ends_of(STALE), progressed(STALE, Stage.STORE, 9, 9)])
@pytest.mark.parametrize("state", [running(), running(cancelled=True), standing(DocumentStatus.RETRY_WAIT)])
def test_an_event_without_the_current_lease_moves_nothing(state: DocumentState, event: Event) -> None:
    folded = fold(state, event, 0.5)
    assert not folded.moved
    assert folded.state == state


@pytest.mark.parametrize("event", ends_of(STALE))
def test_a_stale_end_is_still_told_to_the_timeline(event: Event) -> None:
    assert fold(running(), event, 0.5).end is not None


@pytest.mark.parametrize("code", RETRYABLE)
def test_a_failure_that_may_end_differently_waits_for_another_attempt(code: FailureCode) -> None:
    waiting = after(running(), failed(a_ref(), code))
    assert waiting.status is DocumentStatus.RETRY_WAIT
    assert waiting.failures == 1
    assert waiting.retry_in is not None
    assert waiting.retry_in > 0
    assert waiting.error is not None
    assert waiting.error.code is code


@pytest.mark.parametrize("code", PERMANENT)
def test_a_failure_that_always_ends_so_is_final_at_once(code: FailureCode) -> None:
    ended = after(running(), failed(a_ref(), code, pages=4))
    assert ended.status is DocumentStatus.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.phase, ended.pages_total) == (code, Stage.EXTRACT, 4)


def test_the_last_failure_of_the_budget_is_final() -> None:
    assert after(running(failures=1), failed(a_ref())).status is DocumentStatus.RETRY_WAIT
    assert after(running(failures=2), failed(a_ref())).status is DocumentStatus.FAILED


def test_a_release_spends_no_budget_and_waits_as_long_as_asked() -> None:
    waiting = after(running(failures=2, losses=4), released(a_ref(), FailureCode.PROVIDER_RATE_LIMITED, 7.5))
    assert waiting.status is DocumentStatus.RETRY_WAIT
    assert (waiting.failures, waiting.losses, waiting.retry_in) == (2, 4, 7.5)


def test_a_release_in_the_past_is_due_at_once() -> None:
    assert after(running(), released(a_ref(), retry_after=-5)).retry_in == 0.0


def test_a_release_of_a_draining_worker_notes_no_error() -> None:
    assert after(running(), released(a_ref())).error is None


def test_the_first_loss_is_tried_again_at_once_and_spends_no_failure() -> None:
    waiting = after(running(), lost(a_ref()))
    assert (waiting.status, waiting.losses, waiting.failures, waiting.retry_in) == (
        DocumentStatus.RETRY_WAIT,
        1,
        0,
        0.0,
    )


def test_too_many_losses_make_poison() -> None:
    ended = after(running(losses=retries.MAX_LOSSES - 1), lost(a_ref()))
    assert ended.status is DocumentStatus.FAILED
    assert ended.error is not None
    assert ended.error.code is FailureCode.POISON_DOCUMENT


def test_an_attempt_that_outlives_its_deadline_spends_a_failure() -> None:
    waiting = after(running(), timed_out(a_ref()))
    assert (waiting.status, waiting.failures) == (DocumentStatus.RETRY_WAIT, 1)
    assert after(running(failures=2), timed_out(a_ref())).status is DocumentStatus.FAILED


@pytest.mark.parametrize("event", ends_of(a_ref()))
def test_any_end_of_a_cancelled_attempt_cancels(event: Event) -> None:
    folded = fold(running(cancelled=True), event, 0.5)
    assert folded.state.status is DocumentStatus.CANCELLED
    assert folded.state.error is not None
    assert folded.state.error.code is FailureCode.CANCELLED
    assert folded.end is not None
    assert folded.end.outcome == "cancelled"


def test_a_success_already_paid_for_lands_although_a_cancel_was_asked_for() -> None:
    assert after(running(cancelled=True), extracted(a_ref())).status is DocumentStatus.SUCCEEDED


def test_a_worker_that_says_cancelled_unasked_gives_the_document_back() -> None:
    waiting = after(running(), failed(a_ref(), FailureCode.CANCELLED))
    assert (waiting.status, waiting.failures) == (DocumentStatus.RETRY_WAIT, 0)


def test_a_new_attempt_starts_at_no_page_but_knows_how_many_there_are() -> None:
    seen = after(running(), progressed(a_ref(), Stage.EXTRACT, 2, 5), lost(a_ref()))
    assert (seen.pages_done, seen.pages_total, seen.stage) == (0, 5, Stage.NONE)
