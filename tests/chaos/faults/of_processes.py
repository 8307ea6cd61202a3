"""Processes of ours that die, freeze or are replaced."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from tests.chaos.checker.sampling import AWAY
from tests.chaos.crew import Member
from tests.chaos.faults.fault import Fault, Hit, Scene
from tests.chaos.records import moment
from tests.chaos.recovery import FROZEN, KILLED, Held, held_by

SERVICES = ("batch", "gateway", "extractor")
ASK_SECONDS = 1.0
MEASURED_SECONDS = 10.0


def _one_of(scene: Scene, service: str) -> Member:
    members = scene.stage.crew.of(service)
    return members[scene.rng.randrange(len(members))]


async def _held(scene: Scene, member: Member, pid: int) -> Sequence[Held]:
    if member.service != "extractor":
        return ()
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await held_by(scene.stage, pid)
    except AWAY:
        return ()  # the database is away: nobody knows


def _marks(scene: Scene, held: Sequence[Held]) -> frozenset[str]:
    known = {
        one.id: one.mark for batch in scene.stage.records.client.batches.values() for one in batch.documents.values()
    }
    return frozenset(known[one.id] for one in held if one.id in known)


@asynccontextmanager
async def _killed(scene: Scene, service: str) -> AsyncGenerator[Hit]:
    member = _one_of(scene, service)
    pid, since = member.pid, moment()
    scene.stage.crew.kill(member.name)
    held = await _held(scene, member, pid)
    measuring = asyncio.create_task(scene.recoveries.elsewhere(scene.stage, KILLED, held, since))
    yield Hit(member.name, _marks(scene, held))
    await asyncio.wait([measuring], timeout=MEASURED_SECONDS)
    measuring.cancel()


@asynccontextmanager
async def _frozen(scene: Scene, service: str) -> AsyncGenerator[Hit]:
    member, since = _one_of(scene, service), moment()
    scene.stage.crew.freeze(member.name)
    held = await _held(scene, member, member.pid)
    measuring = asyncio.create_task(scene.recoveries.elsewhere(scene.stage, FROZEN, held, since))
    try:
        yield Hit(member.name, _marks(scene, held))
    finally:
        scene.stage.crew.thaw(member.name)
        measuring.cancel()


@asynccontextmanager
async def _drained(scene: Scene, service: str) -> AsyncGenerator[Hit]:
    member = _one_of(scene, service)
    scene.stage.crew.terminate(member.name)
    yield Hit(member.name)


@asynccontextmanager
async def all_workers_killed(scene: Scene) -> AsyncGenerator[Hit]:
    """Every worker dies and none comes back for a while."""
    members = scene.stage.crew.of("extractor")
    for member in members:
        member.leave = True
        scene.stage.crew.kill(member.name)
    try:
        yield Hit("extractor-*")
    finally:
        for member in members:
            member.leave = False


def _fault(what: str, service: str, weight: float, seconds: tuple[float, float]) -> Fault:
    strike = {"killed": _killed, "frozen": _frozen, "drained": _drained}[what]
    return Fault(f"{service}_{what}", lambda scene: strike(scene, service), service, weight, seconds)


FAULTS = (
    *(_fault("killed", service, 2.0, (0.5, 2.0)) for service in SERVICES),
    *(_fault("frozen", service, 1.0, (0.5, 12.0)) for service in SERVICES),
    *(_fault("drained", service, 1.0, (1.0, 4.0)) for service in SERVICES),
    Fault("extractors_killed", all_workers_killed, "extractor", 0.5, (2.0, 6.0)),
)
