"""The end of a worker: finish what can be finished in time, give back the rest, leave the unstarted to others."""

from dataclasses import dataclass

from chassis.amqp import Consumer
from chassis.lifecycle import DrainCutShort
from chassis.logs import get_logger
from extractor.work.claims import Claims
from extractor.work.leases import Leases
from extractor.work.lifeline import Lifeline
from extractor.work.slots import Slots

log = get_logger()

RELEASE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Drain:
    """Called once, when the process was told to stop."""

    consumer: Consumer
    claims: Claims
    lifeline: Lifeline
    slots: Slots
    leases: Leases
    finish_seconds: float

    async def __call__(self) -> None:
        """Return once nothing is held.

        Raises:
            DrainCutShort: the time for telling so was over first; the batch service finds out by their leases.
        """
        self.slots.close()
        self.claims.drain()
        self.lifeline.refuse_more()
        await self.consumer.pause()
        if not await self.slots.finished(self.finish_seconds):
            log.info("attempts_released", count=self.leases.drain())
            if not await self.slots.finished(RELEASE_SECONDS):
                raise DrainCutShort(f"{len(self.leases.tokens)} attempts")


def finish_seconds(drain_seconds: float) -> float:
    """How long attempts may go on: the whole drain less the time to release the rest and close."""
    return max(drain_seconds - RELEASE_SECONDS - 2.0, drain_seconds / 2)
