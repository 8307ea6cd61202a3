"""Waiting for what another process brings about and tells nobody of."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

LOOK_SECONDS = 0.02


async def until(happened: Callable[[], Awaitable[Any]], seconds: float = 20.0, every: float = LOOK_SECONDS) -> float:
    """Return once something answers true; answers how long that took. Raises TimeoutError."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await happened():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(every)
    return time.monotonic() - began


async def until_true(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    """The same for what this process can see by itself."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(LOOK_SECONDS)
