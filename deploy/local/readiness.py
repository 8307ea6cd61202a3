"""Waits until a part really answers, or says why it never will."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from deploy.local import processes
from deploy.local.failures import StackError
from deploy.local.home import Home

# Answers why the part is not ready yet, or None when it is.
Probe = Callable[[], Awaitable[str | None]]

POLL_SECONDS = 0.1
START_SECONDS = 90.0
EXTERNAL_SECONDS = 10.0


async def until_ready(home: Home, part: str, probe: Probe) -> None:
    """Waits for a part we started. Fails with its last words when it dies or stays silent."""
    deadline = time.monotonic() + START_SECONDS
    while (reason := await probe()) is not None:
        if not processes.running(home, part):
            raise StackError(f"{part} ended while starting:\n{home.last_words(part)}")
        if time.monotonic() > deadline:
            raise StackError(f"{part} did not answer in {START_SECONDS:.0f} s ({reason}):\n{home.last_words(part)}")
        await asyncio.sleep(POLL_SECONDS)


async def until_external_ready(variable: str, probe: Probe) -> None:
    """Waits a little for a server somebody else runs."""
    deadline = time.monotonic() + EXTERNAL_SECONDS
    while (reason := await probe()) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"{variable} is given, but the server there is not usable: {reason}")
        await asyncio.sleep(POLL_SECONDS)
