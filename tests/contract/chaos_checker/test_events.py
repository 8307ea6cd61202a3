"""What a subscriber heard is what stands in the rows, or the checker says so."""

from dataclasses import replace

import pytest

from tests.chaos.checker import events
from tests.chaos.records import Seen
from tests.contract.chaos_checker.finished_run import Run, ended, finished_run, heard

FORGETFUL = {"broker_wiped"}


@pytest.fixture
def run() -> Run:
    return finished_run()


def told(run: Run) -> list[tuple[str, str]]:
    found = events.violations(run.records, run.facts, FORGETFUL)
    assert {one.subject for one in found} <= {"batch-1", "batch-9"}
    return [(one.invariant, one.kind) for one in found]


def hears(run: Run, *seen: Seen) -> None:
    run.records.subscriber.seen = list(seen)


def test_events_that_come_late_twice_and_in_any_order_are_fine(run: Run) -> None:
    hears(run, ended(), heard(2), heard(1, at=9.0), heard(1), ended(at=8.0))
    assert told(run) == []


def test_a_second_terminal_id_in_a_generation_is_duplicated(run: Run) -> None:
    run.records.subscriber.seen.append(ended(4, event_id="terminal-9", version=8))
    run.row = replace(run.row, sequence=4, version=8)
    assert ("I10", "duplicated") in told(run)


def test_an_end_that_was_never_told_is_wrong(run: Run) -> None:
    hears(run, heard(1), heard(2))
    assert told(run) == [("I10", "wrong"), ("I13", "wrong")]


def test_each_retry_generation_has_its_own_terminal_id(run: Run) -> None:
    run.row = replace(run.row, retry_generation=1, sequence=5, version=10, terminal_event_id="terminal-1")
    again = [heard(4, retry_generation=1), ended(5, event_id="terminal-1", retry_generation=1)]
    hears(run, heard(1), heard(2), ended(), *again)
    assert told(run) == []


def test_an_earlier_generation_whose_end_was_never_told_is_wrong(run: Run) -> None:
    run.row = replace(run.row, retry_generation=1, sequence=4, version=8, terminal_event_id="terminal-1")
    hears(run, heard(1), heard(2), heard(3), ended(4, event_id="terminal-1", retry_generation=1))
    assert told(run) == [("I10", "wrong")]


def test_a_batch_that_goes_on_after_its_end_is_wrong(run: Run) -> None:
    run.row = replace(run.row, sequence=4, version=8)
    run.records.subscriber.seen.append(heard(4))
    assert told(run) == [("I13", "wrong")]


@pytest.mark.parametrize("ahead", [{"version": 99}, {"retry_generation": 1}])
def test_an_event_of_a_change_that_was_never_committed_is_wrong(run: Run, ahead: dict[str, int]) -> None:
    hears(run, heard(1), replace(heard(2), **ahead), ended())  # pyright: ignore[reportArgumentType]
    assert ("I11", "wrong") in told(run)


def test_an_event_with_a_number_nobody_gave_is_wrong(run: Run) -> None:
    run.records.subscriber.seen.append(heard(4, version=6))
    assert ("I11", "wrong") in told(run)


@pytest.mark.parametrize("lie", [{"status": "FAILED"}, {"event_id": "terminal-9"}])
def test_a_terminal_event_the_row_does_not_know_is_wrong(run: Run, lie: dict[str, str]) -> None:
    hears(run, heard(1), heard(2), replace(ended(), **lie))  # pyright: ignore[reportArgumentType]
    assert ("I11", "wrong") in told(run)


def test_a_terminal_event_of_an_open_batch_is_wrong(run: Run) -> None:
    run.row = replace(run.row, status="PROCESSING", terminal_event_id=None)
    assert ("I11", "wrong") in told(run)


def test_events_of_a_batch_that_is_not_there_are_wrong(run: Run) -> None:
    run.records.subscriber.seen.append(heard(1, batch_id="batch-9"))
    assert told(run) == [("I11", "wrong")]


def test_an_event_that_names_another_tenant_is_wrong(run: Run) -> None:
    hears(run, heard(1, tenant_id="tenant-2"), heard(2), ended())
    assert told(run) == [("I16", "wrong")]


def test_a_hole_in_the_numbers_is_wrong(run: Run) -> None:
    hears(run, heard(1), ended())
    assert told(run) == [("I13", "wrong")]


def test_a_hole_around_a_broker_that_forgot_is_excused(run: Run) -> None:
    hears(run, heard(1), ended())
    run.fault("broker_wiped", 1.5, 2.5)
    assert told(run) == []


def test_a_hole_elsewhere_is_not_excused(run: Run) -> None:
    hears(run, heard(1), ended())
    run.fault("broker_wiped", 5.0, 6.0)
    run.fault("broker_killed", 1.5, 2.5)
    assert told(run) == [("I13", "wrong")]


def test_an_end_that_was_not_told_again_after_the_broker_forgot_it_is_wrong(run: Run) -> None:
    hears(run, heard(1), heard(2))
    run.fault("broker_wiped", 2.5, 3.5)
    assert told(run) == [("I10", "wrong")]


def test_two_events_with_one_number_are_duplicated(run: Run) -> None:
    run.records.subscriber.seen.append(heard(2, event_id="event-9"))
    assert told(run) == [("I13", "duplicated")]


def test_one_id_with_two_contents_is_wrong(run: Run) -> None:
    run.records.subscriber.seen.append(heard(2, version=5))
    assert told(run) == [("I13", "wrong")]


def test_a_later_event_of_an_earlier_version_is_wrong(run: Run) -> None:
    hears(run, heard(1, version=5), heard(2, version=4), ended())
    assert told(run) == [("I13", "wrong")]
