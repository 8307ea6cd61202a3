"""How many calls may be inside at once: what comes beyond that is shed at the door, at once and with a hint.

Waiting in line would cost memory and answer nobody sooner. One owner takes at most half of the places, so that the
flood of one tenant leaves the door open to the others.
"""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chassis.errors import overloaded

Own = Callable[[str], None]
"""Says whose a place is, once that is known; raises CallError when they hold their half already."""


class Places:
    """The places behind one kind of door."""

    def __init__(self, most: int) -> None:
        """Places for `most` at once, and for half as many of one owner."""
        self._most = most
        self._most_of_one = max(1, most // 2)
        self._taken = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def one(self) -> Generator[Own]:
        """Take a place until left.

        Raises:
            CallError: RESOURCE_EXHAUSTED with OVERLOADED, all are taken.
        """
        if self._taken >= self._most:
            raise overloaded(f"{self._most} are being answered")
        owners = list[str]()
        self._taken += 1
        try:
            yield lambda owner: self._own(owner, owners)
        finally:
            self._taken -= 1
            for owner in owners:
                self._disown(owner)

    def _own(self, owner: str, owners: list[str]) -> None:
        if self._of[owner] >= self._most_of_one:
            raise overloaded(f"{self._most_of_one} of yours are being answered")
        self._of[owner] += 1
        owners.append(owner)

    def _disown(self, owner: str) -> None:
        self._of[owner] -= 1
        if not self._of[owner]:
            del self._of[owner]


@dataclass(frozen=True, slots=True)
class Admission:
    """How many calls a gRPC server answers at once. Streams last, so they have places of their own."""

    calls: Places
    streams: Places
    owner: Callable[[Any], str]
    """Whose call it is, told from its context once it was entered."""
    is_shed: Callable[[str], bool] = lambda _: True
    """Whether calls of this method may be shed at all."""
