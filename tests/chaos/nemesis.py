"""Strikes a stage with the faults that follow from a seed, two at a time but never the same thing twice at once."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.chaos.faults import of_links, of_messages, of_processes, of_servers
from tests.chaos.faults.fault import Fault, Scene
from tests.chaos.records import Faulted, moment
from tests.chaos.recovery import Recoveries
from tests.chaos.stage import Stage

CATALOGUE: tuple[Fault, ...] = (*of_processes.FAULTS, *of_servers.FAULTS, *of_links.FAULTS, *of_messages.FAULTS)
LANES = 2
LONGEST_REST = 1.0
FAVOUR = 10.0
"""How much likelier a favoured fault is."""
STRIKE_SECONDS = 120.0
"""No fault takes longer, its healing included; one that does is a fault of the runner."""


@dataclass(frozen=True)
class Planned:
    """One fault to come."""

    number: int
    fault: Fault
    seed: int
    seconds: float
    rest: float


def plan(seed: int, faults: int, favoured: Collection[str] = ()) -> list[Planned]:
    """The faults of a run; the same for the same seed. Names of faults that are wanted more often may be given."""
    rng = random.Random(seed)
    weights = [fault.weight * (FAVOUR if fault.name in favoured else 1.0) for fault in CATALOGUE]
    chosen = rng.choices(CATALOGUE, weights, k=faults)
    return [
        Planned(number, fault, rng.getrandbits(32), rng.uniform(*fault.seconds), rng.uniform(0, LONGEST_REST))
        for number, fault in enumerate(chosen, 1)
    ]


@dataclass
class Nemesis:
    """At work on one stage."""

    stage: Stage
    recoveries: Recoveries = field(default_factory=Recoveries)
    _free: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def strike(self, planned: list[Planned]) -> None:
        """Strike every planned fault and heal it."""
        waiting = iter(planned)

        async def lane() -> None:
            for one in waiting:
                async with self._free[one.fault.occupies], asyncio.timeout(STRIKE_SECONDS):
                    await self._strike(one)
                await asyncio.sleep(one.rest)

        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(lane())

    async def _strike(self, one: Planned) -> None:
        began = moment()
        async with one.fault.strike(Scene(self.stage, random.Random(one.seed), self.recoveries)) as hit:
            await asyncio.sleep(one.seconds)
        struck = Faulted(one.number, one.fault.name, hit.target, began, moment(), hit.running)
        self.stage.records.faults.faults.append(struck)
