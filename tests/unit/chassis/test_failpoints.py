"""A point fires once, at the time asked for, and only where a test armed it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis import failpoints
from chassis.failpoints import FailpointReached, Point, during, reach


class Armed:
    """The file a test writes."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def with_(self, text: str) -> None:
        self._file.write_text(text)

    @property
    def waits(self) -> bool:
        return self._file.exists()

    @property
    def fired(self) -> bool:
        return self._file.with_suffix(".fired").exists()


@pytest.fixture
def armed(tmp_path: Path) -> Iterator[Armed]:
    failpoints.arm(tmp_path / "failpoint")
    yield Armed(tmp_path / "failpoint")
    failpoints.arm(None)


async def test_a_point_does_nothing_where_nothing_is_armed() -> None:
    await reach(Point.B1)


async def test_a_point_does_nothing_when_another_is_armed(armed: Armed) -> None:
    armed.with_("B2:raise")
    await reach(Point.B1)
    assert armed.waits


async def test_a_point_fires_once(armed: Armed) -> None:
    armed.with_("B1:raise")
    with pytest.raises(FailpointReached):
        await reach(Point.B1)
    await reach(Point.B1)
    assert armed.fired
    assert not armed.waits


async def test_a_point_fires_at_the_time_it_was_armed_for(armed: Armed) -> None:
    armed.with_("B1:raise:3")
    await reach(Point.B1)
    await reach(Point.B1)
    with pytest.raises(FailpointReached):
        await reach(Point.B1)


async def test_a_point_during_a_call_fires_once_the_call_is_under_way_and_ends_it(armed: Armed) -> None:
    armed.with_("W3:raise")
    begun, ended = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(FailpointReached):
        await during(Point.W3, call())
    assert begun.is_set()
    assert ended.is_set()


async def test_a_call_answers_as_ever_where_no_point_fires(armed: Armed) -> None:
    async def call() -> int:
        return 7

    assert await during(Point.W3, call()) == 7
