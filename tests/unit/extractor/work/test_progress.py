"""Progress is told only when somebody could see it."""

import asyncio

import pytest

from extractor.domain.outcome import Stage
from extractor.work import progress as progress_module
from extractor.work.events import Advance
from extractor.work.progress import Progress


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "QUIET_SECONDS", 0.02)


class Sent:
    def __init__(self) -> None:
        self.advances: list[Advance] = []
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, advance: Advance) -> None:
        self.advances.append(advance)
        self.arrived.set()
        await self.go.wait()

    async def next(self) -> None:
        async with asyncio.timeout(2):
            await self.arrived.wait()
        self.arrived.clear()


async def test_progress_sends_only_the_newest_advance_when_stages_are_short() -> None:
    sent = Sent()
    progress = Progress(sent)
    for stage in (Stage.FETCH, Stage.PARSE, Stage.EXTRACT):
        progress.advance(Advance(stage))
    await sent.next()
    assert sent.advances == [Advance(Stage.EXTRACT)]


async def test_progress_sends_nothing_when_the_attempt_is_over_first() -> None:
    sent = Sent()
    progress = Progress(sent)
    progress.advance(Advance(Stage.FETCH))
    progress.close()
    await asyncio.sleep(0.05)
    assert sent.advances == []


async def test_progress_sends_one_at_a_time_when_the_broker_is_slow() -> None:
    sent = Sent()
    sent.go.clear()
    progress = Progress(sent)
    progress.advance(Advance(Stage.FETCH))
    await sent.next()
    progress.advance(Advance(Stage.PARSE))
    await asyncio.sleep(0.05)
    assert len(sent.advances) == 1
    sent.go.set()
    await sent.next()
    assert sent.advances[-1] == Advance(Stage.PARSE)
