"""When another attempt is made, and what is told of how fast a batch goes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.domain import pace, retries
from batch.domain.status import Counters
from tests.unit.batch.domain.builders import counted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (500, 300)])
def test_delay_doubles_with_each_failure_up_to_five_minutes(failures: int, seconds: float) -> None:
    assert retries.delay_after_failure(failures, 0.5) == seconds


@given(st.integers(1, 1000), jitters)
def test_delay_is_spread_by_a_quarter_at_most(failures: int, jitter: float) -> None:
    middle = retries.delay_after_failure(failures, 0.5)
    assert 0.75 * middle <= retries.delay_after_failure(failures, jitter) <= 1.25 * middle


def test_delay_is_none_after_the_first_loss_only() -> None:
    assert retries.delay_after_loss(1, 0.9) == 0.0
    assert retries.delay_after_loss(2, 0.5) == 2.0


@pytest.mark.parametrize(
    ("counters", "started_at"),
    [(counted(queued=3), NOW), (counted(queued=3, succeeded=1), None), (counted(succeeded=3), NOW)],
)
def test_eta_is_not_told_before_the_first_result_or_after_the_last(
    counters: Counters, started_at: datetime | None
) -> None:
    assert pace.eta(counters, started_at, NOW) is None


def test_eta_follows_the_rate_so_far() -> None:
    counters = counted(succeeded=3, failed=1, queued=6, processing=2)
    assert pace.eta(counters, NOW - timedelta(seconds=40), NOW) == timedelta(seconds=80)


@pytest.mark.parametrize(
    ("counters", "silent", "held", "expected"),
    [
        (counted(queued=1), 121, False, True),
        (counted(processing=1), 121, False, True),
        (counted(queued=1), 119, False, False),
        (counted(queued=1), 121, True, False),
        (counted(retry_wait=1), 121, False, False),
        (counted(succeeded=1), 121, False, False),
    ],
)
def test_stalled_is_told_when_something_could_move_and_nothing_did_for_two_minutes(
    counters: Counters, silent: int, held: bool, expected: bool
) -> None:
    assert pace.stalled(counters, NOW - timedelta(seconds=silent), NOW, held=held) is expected


def test_stalled_is_not_told_of_a_batch_without_any_progress_yet() -> None:
    assert not pace.stalled(counted(queued=1), None, NOW, held=False)
