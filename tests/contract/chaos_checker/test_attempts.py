"""An attempt is lost by a fault that can take it, or the checker says so."""

import pytest

from tests.chaos.checker import attempts
from tests.chaos.checker.facts import Facts, LostAttempt
from tests.contract.chaos_checker.finished_run import FIRST, SECOND, Run, finished_run

SPARING = {"batch_killed"}
SLOTS = {"extractor-1": 1}


@pytest.fixture
def run() -> Run:
    return finished_run()


def told(run: Run, *lost: LostAttempt) -> list[tuple[str, str]]:
    found = attempts.violations(run.records, Facts(lost=lost), SPARING, SLOTS)
    return [(one.invariant, one.subject) for one in found]


def test_no_attempt_is_lost_without_a_fault(run: Run) -> None:
    run.fault("worker_killed", 20.0, 21.0)
    assert told(run, LostAttempt(FIRST, 1, 1.0, 9.0)) == [("I22", FIRST)]


def test_a_fault_within_an_attempt_explains_its_loss(run: Run) -> None:
    run.fault("worker_killed", 5.0, 21.0)
    assert told(run, LostAttempt(FIRST, 1, 1.0, 9.0)) == []


def test_a_fault_that_spares_workers_explains_no_loss(run: Run) -> None:
    run.fault("batch_killed", 5.0, 6.0)
    assert told(run, LostAttempt(FIRST, 1, 1.0, 9.0)) == [("I22", FIRST)]


def test_a_killed_worker_loses_only_what_it_was_working_on(run: Run) -> None:
    run.fault("worker_killed", 5.0, 6.0, f"mark-{FIRST}")
    assert told(run, LostAttempt(FIRST, 1, 1.0, 9.0), LostAttempt(SECOND, 1, 1.0, 9.0)) == [("I22", SECOND)]


def test_one_worker_loses_no_more_than_its_slots(run: Run) -> None:
    run.fault("worker_killed", 5.0, 6.0)
    two = (LostAttempt(FIRST, 1, 1.0, 9.0), LostAttempt(SECOND, 1, 1.0, 9.0))
    assert told(run, *two) == []
    run.records.faults.faults[0] = type(run.records.faults.faults[0])(1, "worker_killed", "extractor-1", 5.0, 6.0)
    assert told(run, *two) == [("I22", "1 worker_killed extractor-1")]
