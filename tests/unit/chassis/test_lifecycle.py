"""A process lives as long as all its parts."""

import asyncio
import os
import signal

import pytest

from chassis.lifecycle import Background, DrainCutShort, run_until_stopped


class Probe:
    """A part that notes what happens to it."""

    def __init__(self, name: str, notes: list[str], *, fault: Exception | None = None) -> None:
        self._name = name
        self._notes = notes
        self._fault = fault

    @property
    def ended(self) -> asyncio.Future[None] | None:
        return None

    async def start(self) -> None:
        self._notes.append(f"start {self._name}")

    async def stop(self) -> None:
        self._notes.append(f"stop {self._name}")
        if self._fault:
            raise self._fault


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_parts_stop_in_reverse_on_sigterm() -> None:
    notes: list[str] = []
    parts = [Probe("a", notes), Probe("b", notes)]
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    assert await run_until_stopped(parts, 5) == 0
    assert notes == ["start a", "start b", "stop b", "stop a"]


@pytest.mark.parametrize("fault", [RuntimeError("broken"), None])
async def test_a_part_that_ends_by_itself_takes_the_process_down(fault: Exception | None) -> None:
    notes: list[str] = []

    async def end() -> None:
        if fault:
            raise fault

    assert await run_until_stopped([Probe("a", notes), Background("relay", end)], 5) == 1
    assert notes == ["start a", "stop a"]


@pytest.mark.parametrize("fault", [RuntimeError("broken"), DrainCutShort("3 attempts")])
async def test_a_part_that_fails_to_stop_is_told_by_the_exit_status_and_keeps_no_other_from_stopping(
    fault: Exception,
) -> None:
    notes: list[str] = []
    parts = [Probe("a", notes), Probe("b", notes, fault=fault)]
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    assert await run_until_stopped(parts, 5) == 1
    assert notes[-1] == "stop a"


async def test_draining_ends_when_its_time_is_over_and_the_exit_status_tells() -> None:
    class Stuck(Probe):
        async def stop(self) -> None:
            await for_ever()

    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        assert await run_until_stopped([Stuck("a", [])], 0.05) == 1


async def test_a_second_signal_does_not_break_the_drain() -> None:
    class Slow(Probe):
        async def stop(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
            await super().stop()

    notes: list[str] = []
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    assert await run_until_stopped([Probe("a", notes), Slow("b", notes)], 5) == 0
    assert notes[-2:] == ["stop b", "stop a"]


async def test_a_background_part_is_cancelled_on_stop() -> None:
    part = Background("loop", for_ever)
    await part.start()
    await part.stop()
    assert part.ended is not None
    assert part.ended.cancelled()
