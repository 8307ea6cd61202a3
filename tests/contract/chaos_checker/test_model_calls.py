"""The model is asked once for each document, or a fault explains it, or the checker says so."""

import pytest

from tests.chaos.checker import model_calls
from tests.chaos.records import Asked, canary_of
from tests.contract.chaos_checker.finished_run import FIRST, OTHER, TENANT, Run, asked, finished_run

LEASE_SECONDS = 20.0
MARK = f"mark-{FIRST}"


@pytest.fixture
def run() -> Run:
    return finished_run()


def told(run: Run) -> list[tuple[str, str, str]]:
    found = model_calls.violations(run.records, LEASE_SECONDS)
    return [(one.invariant, one.kind, one.subject) for one in found]


def asks_again(run: Run, at: float = 50.0, **fields: str) -> None:
    run.records.model.asked.append(asked(FIRST, at, **fields))


def test_one_call_for_each_document_is_not_told_of(run: Run) -> None:
    assert told(run) == []
    assert str(model_calls.spending(run.records)) == "I23: 0 of 2 successful model calls were extra (0.00 %)"


def test_an_answer_bought_twice_without_a_fault_is_duplicated(run: Run) -> None:
    asks_again(run)
    assert told(run) == [("I23", "duplicated", FIRST)]
    assert str(model_calls.spending(run.records)) == "I23: 1 of 3 successful model calls were extra (33.33 %)"


def test_a_call_that_failed_may_be_asked_again(run: Run) -> None:
    run.records.model.asked.clear()
    asks_again(run, 1.0, answer="overloaded")
    asks_again(run, 9.0)
    assert told(run) == []


def test_a_fault_between_two_answers_explains_the_second(run: Run) -> None:
    run.fault("store_down", 3.0, 9.0)
    asks_again(run)
    assert told(run) == []


def test_a_fault_that_spares_workers_explains_no_second_answer(run: Run) -> None:
    run.fault("batch_killed", 3.0, 9.0)
    asks_again(run)
    found = model_calls.violations(run.records, LEASE_SECONDS, {"batch_killed"})
    assert [(one.invariant, one.subject) for one in found] == [("I23", FIRST)]


def test_a_fault_long_before_or_after_explains_nothing(run: Run) -> None:
    run.fault("store_down", -90.0, -80.0)
    run.fault("store_down", 51.0, 60.0)
    asks_again(run)
    assert told(run) == [("I23", "duplicated", FIRST)]


@pytest.mark.parametrize(("running", "found"), [(MARK, 0), ("mark-document-9", 1)])
def test_a_killed_worker_explains_only_what_it_was_working_on(run: Run, running: str, found: int) -> None:
    run.fault("worker_killed", 1.5, 9.0, running)
    asks_again(run)
    assert told(run) == [("I23", "duplicated", FIRST)] * found


def test_a_retry_its_owner_asked_for_explains_a_call(run: Run) -> None:
    run.batch.retried = 1
    asks_again(run)
    assert told(run) == []


@pytest.mark.parametrize(("at", "found"), [(29.0, 0), (31.0, 1)])
def test_a_call_may_begin_for_a_lease_after_a_cancel(run: Run, at: float, found: int) -> None:
    run.records.model.asked.clear()
    run.batch.cancel_answered = 10.0
    asks_again(run, at)
    assert told(run) == [("I24", "other", FIRST)] * found


def test_a_call_for_a_document_that_was_cancelled_alone_is_told_of(run: Run) -> None:
    run.records.model.asked.clear()
    run.batch.cancelled_documents[FIRST] = 10.0
    asks_again(run, 31.0)
    assert told(run) == [("I24", "other", FIRST)]


def test_a_prompt_with_the_canary_of_another_tenant_is_wrong(run: Run) -> None:
    run.records.model.asked[0] = asked(FIRST, 1.0, tenant=OTHER)
    assert told(run) == [("I16", "wrong", MARK)]


def test_a_prompt_with_two_canaries_is_wrong(run: Run) -> None:
    both = frozenset({canary_of(TENANT), canary_of(OTHER)})
    run.records.model.asked.append(Asked(1.0, "", "success", 2.0, both))
    assert told(run) == [("I16", "wrong", "")]
