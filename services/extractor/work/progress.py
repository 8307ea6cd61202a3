"""Progress of one attempt, told only when somebody could see it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from extractor.work.events import Advance

# A stage that lasts less is never told of: nobody could see it, and each event costs a confirm here and a fold there.
QUIET_SECONDS = 0.5


class Report(Protocol):
    """What an attempt calls when it moves on."""

    def advance(self, advance: Advance) -> None:
        """Note how far it is; returns at once and never fails."""
        ...


class Progress:
    """Sends the newest advance once it has stood for a moment; never two at a time, never in the attempt's way."""

    def __init__(self, send: Callable[[Advance], Awaitable[None]]) -> None:
        self._send = send
        self._newest: Advance | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Future[None] | None = None

    def advance(self, advance: Advance) -> None:
        """Note how far the attempt is."""
        self._newest = advance
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._flush)

    def close(self) -> None:
        """Send nothing more; what is on its way arrives or not."""
        self._newest = None
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        self._timer = None
        newest = self._newest
        if newest is None:
            return
        if self._sending is not None and not self._sending.done():
            self.advance(newest)
            return
        self._newest = None
        self._sending = asyncio.ensure_future(self._send(newest))
