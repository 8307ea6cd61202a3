import grpc

from quire_client.errors import Facts, InvalidError, UnavailableError
from quire_client.patience import LONGEST_DELAY, Patience, delay_before

DOWN = UnavailableError(Facts(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE", "down"))


def test_delay_doubles_and_stays_below_the_longest_when_attempts_go_on() -> None:
    delays = [delay_before(attempt, None, 1.0) for attempt in range(1, 12)]

    assert delays[:3] == [0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY


def test_delay_is_at_least_the_servers_hint_when_there_is_one() -> None:
    assert delay_before(1, 7.0, 0.0) == 7.0


def test_patience_ends_when_failures_last_too_long() -> None:
    now = 100.0
    patience = Patience(10, clock=lambda: now)

    assert patience.allows(DOWN)
    now = 111.0
    assert not patience.allows(DOWN)


def test_patience_starts_anew_when_something_worked() -> None:
    now = 0.0
    patience = Patience(10, clock=lambda: now)
    patience.allows(DOWN)
    now = 60.0
    patience.renew()

    assert patience.allows(DOWN)


def test_patience_allows_its_least_tries_when_each_took_long() -> None:
    times = iter(range(0, 10_000, 100))
    patience = Patience(10, tries=3, clock=lambda: next(times))

    assert [patience.allows(DOWN) for _ in range(3)] == [True, True, False]


def test_patience_ends_at_once_when_asking_again_is_refused_again() -> None:
    assert not Patience(10).allows(InvalidError(Facts(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", "no")))
