"""The life of a process: start the parts in order, run until told to stop or a part dies, stop them in reverse.

A background part that ends or raises takes the process down with exit status 1: a service that lost its relay or its
fold must not look alive.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import uvloop

from chassis.logs import get_logger

log = get_logger()


class DrainCutShort(Exception):
    """The time was over before all was finished or released; give the process more by QUIRE_DRAIN_SECONDS."""


class Part(Protocol):
    """Something a process starts and stops; `ended` completes only if it dies."""

    async def start(self) -> None:
        """Return once it is ready."""
        ...

    async def stop(self) -> None:
        """Finish or release what is held, then return.

        Raises:
            DrainCutShort: something was neither finished nor released.
        """
        ...

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """Done when the part died by itself; None for a part that cannot."""
        ...


async def cancel_and_wait(job: asyncio.Task[None]) -> None:
    """Cancel a coroutine and return once it has ended, however it ends."""
    job.cancel()
    await asyncio.wait([job])
    if not job.cancelled() and (error := job.exception()) is not None:
        log.warning("cancelled_job_failed", job=job.get_name(), error=repr(error))


class Background:
    """A part that is one coroutine, cancelled on stop."""

    def __init__(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self._run = run
        self._job: asyncio.Task[None] | None = None

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """The running coroutine."""
        return self._job

    async def start(self) -> None:
        """Start the coroutine; it is ready at once."""

        async def run() -> None:
            await self._run()

        self._job = asyncio.create_task(run(), name=self.name)

    async def stop(self) -> None:
        """Cancel the coroutine and wait for its end."""
        if self._job is not None:
            await cancel_and_wait(self._job)


async def nothing() -> None:
    """What a resource does that needs no opening, or no closing."""


class Resource:
    """A part that is opened before the work and closed after it; it cannot die by itself."""

    def __init__(self, opening: Callable[[], Awaitable[None]], closing: Callable[[], Awaitable[None]]) -> None:
        self._opening = opening
        self._closing = closing

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """Never."""
        return None

    async def start(self) -> None:
        """Open it."""
        await self._opening()

    async def stop(self) -> None:
        """Close it."""
        await self._closing()


async def run_until_stopped(parts: Sequence[Part], drain_seconds: float) -> int:
    """Run parts until SIGTERM or SIGINT, or until one of them dies; answers the exit status.

    0 says that the process was told to stop and finished or released all it held. A second signal changes nothing.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    started: list[Part] = []
    try:
        lived = await _live(parts, started, stopping)
    finally:
        stopping.cancel()
        drained = await _stop_all(started, drain_seconds)
    return 0 if lived and drained else 1


async def _live(parts: Sequence[Part], started: list[Part], stopping: asyncio.Future[Any]) -> bool:
    """Start all parts and wait; False when one of them died."""
    for part in parts:
        if not await _start(part, stopping):
            return True
        started.append(part)
    log.info("process_started")
    return await _wait(stopping, started)


async def _start(part: Part, stopping: asyncio.Future[Any]) -> bool:
    """Start a part; False when the process was told to stop meanwhile."""
    starting = asyncio.create_task(part.start())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        return True
    await cancel_and_wait(starting)
    await _stop(part)
    return False


async def _wait(stopping: asyncio.Future[Any], parts: Sequence[Part]) -> bool:
    ends = [part.ended for part in parts if part.ended is not None]
    await asyncio.wait([stopping, *ends], return_when=asyncio.FIRST_COMPLETED)
    dead = [end for end in ends if end.done()]
    for end in dead:
        error = None if end.cancelled() else end.exception()
        log.error("background_part_died", part=_name(end), exc_info=error)
    return not dead


def _name(end: asyncio.Future[None]) -> str:
    return end.get_name() if isinstance(end, asyncio.Task) else repr(end)


async def _stop_all(parts: Sequence[Part], drain_seconds: float) -> bool:
    """Stop in reverse; False when anything was cut short."""
    log.info("process_draining")
    drained = True
    try:
        async with asyncio.timeout(drain_seconds):
            for part in reversed(parts):
                drained &= await _stop(part)
    except TimeoutError:
        log.warning("drain_timed_out", seconds=drain_seconds)
        drained = False
    log.info("process_stopped", drained=drained)
    return drained


async def _stop(part: Part) -> bool:
    try:
        await part.stop()
    except DrainCutShort as error:
        log.warning("drain_cut_short", part=type(part).__name__, left=str(error))
        return False
    except Exception:
        log.exception("part_stop_failed", part=type(part).__name__)
        return False
    return True


def run(main: Callable[[], Awaitable[int]]) -> int:
    """Run a process's main coroutine on uvloop and answer its exit status."""

    async def entry() -> int:
        return await main()

    return uvloop.run(entry())
