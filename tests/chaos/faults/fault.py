"""What a fault is: something that strikes a stage, lasts a while and is healed again."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from tests.chaos.recovery import Recoveries
from tests.chaos.stage import Stage


@dataclass
class Hit:
    """What a fault struck; filled in while it lasts."""

    target: str
    running: frozenset[str] = frozenset()
    """Marks of the documents a stopped worker had in work, where that is known."""


@dataclass
class Scene:
    """What a fault may lay hands on."""

    stage: Stage
    rng: random.Random
    """The fault's own, so that the same seed strikes the same way."""
    recoveries: Recoveries


Strike = Callable[[Scene], AbstractAsyncContextManager[Hit]]


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    strike: Strike
    occupies: str
    """What it breaks; two faults never break the same at the same time."""
    weight: float = 1.0
    seconds: tuple[float, float] = (0.0, 0.0)
    """How long it lasts, between these."""
    needs: frozenset[str] = field(default_factory=frozenset[str])
    """What else must be whole for it to mean anything."""
