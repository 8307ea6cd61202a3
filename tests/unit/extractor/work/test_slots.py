"""Slots run deliveries apart from the broker, at most so many at once."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from extractor.work.slots import Slots


@dataclass
class Worked:
    go: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most: int = 0
    done: int = 0

    async def __call__(self, delivery: Any) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        self.done += 1


@dataclass
class Delivery:
    rejected: bool = False

    async def reject(self, *, requeue: bool) -> None:
        self.rejected = not requeue


def a_delivery() -> Any:
    return Delivery()


async def test_slots_work_no_more_deliveries_at_once_than_there_are() -> None:
    worked = Worked()
    slots = Slots(worked, 2)
    for _ in range(5):
        await slots.take(a_delivery())
    assert not await slots.finished(0.02)
    worked.go.set()
    assert await slots.finished(2)
    assert (worked.most, worked.done) == (2, 5)


async def test_slots_leave_what_was_not_started_when_they_are_closed() -> None:
    worked = Worked()
    slots = Slots(worked, 1)
    for _ in range(3):
        await slots.take(a_delivery())
    await asyncio.sleep(0)
    slots.close()
    worked.go.set()
    assert await slots.finished(2)
    assert worked.done == 1


async def test_slots_send_a_delivery_that_breaks_us_to_the_dead_letters() -> None:
    async def breaks(delivery: Any) -> None:
        raise ValueError("CANARY")

    slots, delivery = Slots(breaks, 1), a_delivery()
    await slots.take(delivery)
    assert await slots.finished(2)
    assert delivery.rejected
