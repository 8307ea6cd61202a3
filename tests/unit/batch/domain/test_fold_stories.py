"""The fold under any story: order, repetition and ghosts change neither where a document ends nor how often."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.domain.events import Event, Extracted, Ref, Stage
from batch.domain.fold import DocumentState, Folded, fold
from batch.domain.status import FINAL_DOCUMENT, DocumentStatus
from chassis.failures import FailureCode
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

ATTEMPTS = 3


def some_ref(attempt: int, right: bool) -> Ref:
    return a_ref(attempt) if right else a_ref(attempt, token=a_token(50 + attempt))


refs = st.builds(some_ref, st.integers(1, ATTEMPTS + 1), st.booleans())
codes = st.sampled_from([code for code in FailureCode if code is not FailureCode.CANCELLED])
stages = st.sampled_from(Stage)
pages = st.integers(-2, 9)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(progressed, refs, stages, pages, pages),
    st.builds(extracted, refs, pages),
    st.builds(failed, refs, codes, pages),
    st.builds(released, refs, st.none() | codes, st.floats(-1, 9)),
    st.builds(lost, refs),
    st.builds(timed_out, refs),
)
claims = st.just("claim")


def claimed(state: DocumentState) -> DocumentState:
    """What ClaimDocument does to the row."""
    attempt = state.attempt + 1
    return replace(
        state,
        status=DocumentStatus.PROCESSING,
        attempt=attempt,
        lease_token=a_token(attempt),
        stage=Stage.FETCH,
        pages_done=0,
    )


def steps_of(story: list[Event | str]) -> list[tuple[DocumentState, Folded]]:
    state, seen = claimed(standing(DocumentStatus.QUEUED, 0)), list[tuple[DocumentState, Folded]]()
    for step in story:
        if isinstance(step, str):
            waits = state.status is DocumentStatus.RETRY_WAIT and state.attempt < ATTEMPTS
            state = claimed(state) if waits else state
            continue
        folded = fold(state, step, 0.5)
        seen.append((state, folded))
        state = folded.state
    return seen


@given(st.lists(events | claims, max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_story_counts_a_final_status_once_and_never_leaves_it(story: list[Event | str]) -> None:
    steps = steps_of(story)
    assert sum(was.status not in FINAL_DOCUMENT and then.state.status in FINAL_DOCUMENT for was, then in steps) <= 1
    for was, then in steps:
        assert was.status not in FINAL_DOCUMENT or then.state == was
        assert then.moved == (then.state != was)
        assert then.state.status is DocumentStatus.PROCESSING or then.state.lease_token is None
        assert (then.state.result is not None) == (then.state.status is DocumentStatus.SUCCEEDED)


@given(st.lists(events | claims, max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_story_never_shrinks_stage_or_pages_within_an_attempt(story: list[Event | str]) -> None:
    for was, then in steps_of(story):
        assert then.state.pages_total >= was.pages_total
        assert 0 <= then.state.pages_done <= max(then.state.pages_total, 0)
        if then.state.status is DocumentStatus.PROCESSING:
            assert then.state.stage >= was.stage
            assert then.state.pages_done >= was.pages_done


@given(st.lists(events, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_repeating_any_events_changes_nothing(told: list[Event], data: st.DataObject) -> None:
    state = after(running(2), *told)
    again = data.draw(st.lists(st.sampled_from(told), max_size=12)) if told else []
    repeated = after(state, *again)
    late_success = state.status not in FINAL_DOCUMENT and any(isinstance(event, Extracted) for event in again)
    assert repeated == state or late_success


STORY: tuple[Event, ...] = (
    progressed(a_ref(2), Stage.PARSE, 1, 4),
    progressed(a_ref(2), Stage.EXTRACT, 4, 4),
    lost(a_ref(1)),
    failed(a_ref(1), FailureCode.FILE_CORRUPT),
    released(a_ref(1)),
    progressed(a_ref(1), Stage.STORE, 4, 4),
)


@pytest.mark.parametrize(
    ("deciding", "status"),
    [
        (extracted(a_ref(2)), DocumentStatus.SUCCEEDED),
        (extracted(a_ref(1)), DocumentStatus.SUCCEEDED),
        (failed(a_ref(2), FailureCode.FILE_CORRUPT), DocumentStatus.FAILED),
    ],
)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_of_one_story_ends_the_same(deciding: Event, status: DocumentStatus, data: st.DataObject) -> None:
    told = [*STORY, deciding]
    shuffled = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=6))]))
    steps, state = 0, running(2)
    for event in shuffled:
        was, state = state, fold(state, event, 0.5).state
        steps += was.status is not state.status
    assert (state.status, steps) == (status, 1)
