"""What a planted bug is: a promise broken from outside, by replacing names of the product before a service runs.

The product knows nothing of it. A name that is gone fails loudly, so that a bug cannot quietly stop being planted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Apply = Callable[[], None]
Launcher = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""Service and usual command line in, command line out (as tests.chaos.stage wants it)."""
BATCH, EXTRACTOR = "batch", "extractor"


class TargetMissing(Exception):
    """The product has no such name any more; point the mutant at what took its place."""


@dataclass(frozen=True)
class Mutant:
    """One planted bug."""

    name: str
    service: str
    """The one it is planted in."""
    promise: str
    """What it breaks, and when that can be seen."""
    caught_by: frozenset[str]
    """Invariants of which at least one must be told of by a run with the faults named in `promise`."""
    apply: Apply
    favours: tuple[str, ...] = ()
    """Faults by which alone it shows, and which a run without it rarely draws: a hunt draws them more often."""


def mutant(service: str, *caught_by: str, favours: tuple[str, ...] = ()) -> Callable[[Apply], Mutant]:
    """Make a mutant of a function that replaces names; its docstring is the promise."""

    def make(apply: Apply) -> Mutant:
        assert apply.__doc__, "a mutant says which promise it breaks"
        return Mutant(apply.__name__, service, apply.__doc__, frozenset(caught_by), apply, favours)

    return make


def original(owner: Any, name: str) -> Any:
    """What a name stands for in the product. Raises TargetMissing."""
    if not hasattr(owner, name):
        raise TargetMissing(f"{getattr(owner, '__name__', owner)} has no {name!r}")
    return getattr(owner, name)


def replace(owner: Any, name: str, value: Any) -> None:
    """Let a name stand for something else. Raises TargetMissing."""
    original(owner, name)
    setattr(owner, name, value)
