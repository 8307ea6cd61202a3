"""Named points at which a test makes a process die, freeze, fail or dawdle; outside tests they do nothing.

A test arms one point by writing `POINT:MODE` or `POINT:MODE:NTH` into the file named by QUIRE_FAILPOINT_FILE, which a
process only reads with QUIRE_ENV=test. The process that gets there for the n-th time renames the file to `….fired` and
obeys: a point fires once, whoever is started again afterwards.

Modes: `kill` (SIGKILL), `stop` (SIGSTOP, until somebody sends SIGCONT), `raise` (FailpointReached), `delay` (half a
second).
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, assert_never

from chassis.logs import get_logger

log = get_logger()
T = TypeVar("T")

DELAY_SECONDS = 0.5
TURNS = 5
"""Turns of the event loop after which a call that was begun has written what it sends."""


class Point(StrEnum):
    """Where a process can be; G of the gateway, B of the batch service, W of the worker."""

    G1 = "G1"  # in the PUT to the store
    G2 = "G2"  # the object is whole, CompleteUpload not called
    G3 = "G3"  # CompleteUpload answered, the client not
    G4 = "G4"  # between two files of a form
    B1 = "B1"  # before a tenant's call commits
    B2 = "B2"  # committed, not answered
    B3 = "B3"  # the relay has claimed events, published none
    B4 = "B4"  # an event is published, not confirmed
    B5 = "B5"  # confirmed, not marked so
    B6 = "B6"  # a set is folded, not committed
    B7 = "B7"  # committed, not acked
    B8 = "B8"  # a batch is final, its terminal event not published
    B9 = "B9"  # a cancel is committed, the worker not told
    W1 = "W1"  # a job is delivered, not claimed
    W2 = "W2"  # claimed, nothing fetched
    W3 = "W3"  # in the model call
    W4 = "W4"  # the model has answered, nothing is stored
    W5 = "W5"  # in the PUT of the result
    W6 = "W6"  # stored, not told
    W7 = "W7"  # told, not confirmed
    W8 = "W8"  # confirmed, the job not acked
    W9 = "W9"  # acked


class Mode(StrEnum):
    """What happens there."""

    KILL = "kill"
    STOP = "stop"
    RAISE = "raise"
    DELAY = "delay"


class FailpointReached(Exception):
    """A test armed this point with `raise`."""


_file: Path | None = None
_reached: Counter[Point] = Counter()


def arm(file: Path | None) -> None:
    """Obey a file from now on; None, as outside tests, turns every point off."""
    global _file  # noqa: PLW0603 - one process, one file
    _file = file


async def reach(point: Point) -> None:
    """Be at a point."""
    if _file is not None:
        await _obey(_file, point)


async def during(point: Point, work: Awaitable[T], seconds: float = 0.0) -> T:
    """Do work, and be at a point once it is under way for so long (at least until its call is written)."""
    if _file is None:
        return await work
    running = asyncio.ensure_future(work)
    try:
        for _ in range(TURNS):
            await asyncio.sleep(seconds / TURNS)
        await reach(point)
        return await running
    except BaseException:
        running.cancel()
        await asyncio.wait([running])
        _ = running.cancelled() or running.exception()
        raise


async def _obey(file: Path, point: Point) -> None:
    mode = _fired(file, point)
    if mode is not None:
        log.warning("failpoint_reached", point=point, mode=mode)
        await _happen(point, mode)


def _fired(file: Path, point: Point) -> Mode | None:
    """What was armed here, if this process gets there for the n-th time and is the first to take it."""
    try:
        armed, mode, *nth = file.read_text().strip().split(":")
        if armed != point:
            return None
        _reached[point] += 1
        if _reached[point] < (int(nth[0]) if nth else 1):
            return None
        file.rename(file.with_suffix(".fired"))
    except FileNotFoundError:
        return None
    _reached.clear()
    return Mode(mode)


async def _happen(point: Point, mode: Mode) -> None:
    match mode:
        case Mode.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Mode.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Mode.RAISE:
            raise FailpointReached(point)
        case Mode.DELAY:
            await asyncio.sleep(DELAY_SECONDS)
        case _:
            assert_never(mode)
