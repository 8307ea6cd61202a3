"""Contestants run in turns, so that a machine that grows slower or faster meanwhile treats them alike."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Contestant = Callable[[], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    share: float
    """Of the full number of messages, documents or files."""

    def of(self, full: int) -> int:
        """That share, at least one."""
        return max(1, round(full * self.share))


FULL = Size(rounds=5, share=1.0)
QUICK = Size(rounds=2, share=0.2)


async def alternate(size: Size, contestants: Mapping[str, Contestant[T]]) -> dict[str, list[T]]:
    """Run all of them in each round, each round beginning with another one; answers their runs by name."""
    names = list(contestants)
    runs: dict[str, list[T]] = {name: [] for name in names}
    for number in range(size.rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            runs[name].append(await contestants[name]())
    return runs
