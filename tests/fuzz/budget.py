"""How much of a fuzzer runs: a few examples, always the same, or new ones for as long as it may."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

ROUND = 100
_ALWAYS: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
_QUICK: dict[str, Any] = {**_ALWAYS, "derandomize": True, "database": None}


@dataclass(frozen=True)
class Attack:
    """A body, and what it is called with in each example."""

    body: Callable[[Any], None]
    drawn: SearchStrategy[Any]

    def run(self, examples: int, options: dict[str, Any]) -> None:
        """Call it with so many examples; the smallest that fails is what is raised."""

        def body(drawn: Any) -> None:
            self.body(drawn)

        settings(max_examples=examples, **options)(given(self.drawn)(body))()


@dataclass
class Budget:
    """One fuzzer's share."""

    seconds: float = 0.0
    """0: the quick form."""
    examples: int = 0
    took: float = field(default=0.0)

    @property
    def is_quick(self) -> bool:
        return not self.seconds

    def spend(self, attacks: Callable[[], Iterable[Attack]], quick: int) -> None:
        """Run each attack with `quick` examples, or all of them, made anew, again and again until the time is up."""
        began = time.monotonic()
        try:
            self._spend(attacks, quick, began + self.seconds)
        finally:
            self.took += time.monotonic() - began

    def _spend(self, attacks: Callable[[], Iterable[Attack]], quick: int, end: float) -> None:
        if self.is_quick:
            for attack in attacks():
                self._counted(attack).run(quick, _QUICK)
            return
        while time.monotonic() < end:
            for attack in attacks():
                self._counted(attack).run(ROUND, _ALWAYS)
                if time.monotonic() >= end:
                    return

    def _counted(self, attack: Attack) -> Attack:
        def body(drawn: Any) -> None:
            self.examples += 1
            attack.body(drawn)

        return Attack(body, attack.drawn)
