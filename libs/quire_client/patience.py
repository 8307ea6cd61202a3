"""How long to keep trying, and how long to wait between two tries."""

import asyncio
import random
import time
from collections.abc import Callable

from quire_client.errors import CallError, UnavailableError

FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0


def delay_before(attempt: int, hint: float | None, share: float) -> float:
    """Seconds before another attempt (from 1): doubling, at least the server's hint, spread by `share` of 0 to 1."""
    doubled = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt, 16))
    return max(hint or 0.0, doubled * (0.5 + share / 2))


class Patience:
    """Allows another try for so many seconds since the first failure in a row, and at least so many tries."""

    def __init__(self, seconds: float, tries: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._tries = tries
        self._clock = clock
        self.renew()

    def renew(self) -> None:
        """Start anew: something worked."""
        self._failed_since: float | None = None
        self._failures = 0
        self._delay = 0.0

    def allows(self, error: CallError) -> bool:
        """Whether to try again after this; if so, `pause` comes first."""
        self._failures += 1
        self._failed_since = self._clock() if self._failed_since is None else self._failed_since
        self._delay = delay_before(self._failures, error.facts.retry_after, random.random())  # noqa: S311 - spreads load
        lasts = self._clock() + self._delay <= self._failed_since + self._seconds
        return isinstance(error, UnavailableError) and (lasts or self._failures < self._tries)

    async def pause(self) -> None:
        """Wait before the next try."""
        await asyncio.sleep(self._delay)
