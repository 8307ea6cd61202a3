"""How a timer door keeps going: one round after another, patient while what it stands on is away."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from batch.store.database import is_transient
from chassis.amqp import BrokerFault
from chassis.logs import get_logger

log = get_logger()

AWAY_SECONDS = 0.25
NOTED_EVERY = 40
"""Rounds that fail one after the other and are logged once."""


async def keep_going(name: str, turn: Callable[[], Awaitable[float]], bell: asyncio.Event | None = None) -> None:
    """Repeat a round for ever; it answers how many seconds to rest, unless the bell rings before.

    A round that meets a database or broker that is away is repeated soon, as whatever is back ought to be used at once;
    any other fault ends the door, and with it the process.
    """
    failed = 0
    while True:
        try:
            rest, failed = await turn(), 0
        except Exception as error:
            if not (is_transient(error) or isinstance(error, BrokerFault)):
                raise
            if failed % NOTED_EVERY == 0:
                log.warning("round_failed", door=name, error=repr(error), rounds=failed + 1)
            rest, failed = AWAY_SECONDS, failed + 1
        await _rest(rest, bell)


async def _rest(seconds: float, bell: asyncio.Event | None) -> None:
    if bell is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await bell.wait()
    bell.clear()
