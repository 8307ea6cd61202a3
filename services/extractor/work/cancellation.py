"""Telling a cancellation of this coroutine from one that a library let out."""

import asyncio


def is_cancelled() -> bool:
    """Whether somebody cancelled the coroutine that asks, so that CancelledError must be let through."""
    running = asyncio.current_task()
    return running is not None and running.cancelling() > 0
