"""`python -m tests.chaos.figures`: how fast Quire goes on after each kind of loss, at the pace of production."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, Batch
from quire_client import Content, QuireClient
from tests.chaos.paper import PROMPT, SCHEMA
from tests.chaos.poison import POISON, poisonable
from tests.chaos.records import Records, canary_of, moment
from tests.chaos.recovery import FROZEN, KILLED, Recoveries, held_by
from tests.chaos.stage import PACE, Size, Stage, Tenant, stage
from tests.waiting import until

PRODUCTION = {
    "QUIRE_LEASE_SECONDS": "20",
    "QUIRE_BEAT_SECONDS": "5",
    "QUIRE_UNCLAIMED_SECONDS": "10",
    "QUIRE_JOB_DEADLINE_SECONDS": "600",
    "QUIRE_MODEL_DEADLINE_SECONDS": "120",
}
TIMES = 10
KILLS = 30
SLOTS = int(PACE["QUIRE_EXTRACTOR_SLOTS"])
"""Of each of two workers: half of them all."""
FREEZES = 3
WIPED, POISONED = 500, 1000
OUTAGE_SECONDS = 60.0
FINAL_SECONDS = 180.0
LOOK_SECONDS = 0.05


@dataclass
class Play:
    """A stage with one tenant whose documents keep the workers busy."""

    stage: Stage
    tenant: Tenant
    quire: QuireClient
    recoveries: Recoveries = field(default_factory=Recoveries)
    lines: list[str] = field(default_factory=list[str])

    async def submit(self, count: int, *more: Content) -> str:
        """A sealed batch of so many documents."""
        contents = [Content(f"{number}.txt", _text(number)) for number in range(count)]
        return (await self.quire.submit([*contents, *more], prompt=PROMPT, schema=SCHEMA)).id

    async def final(self, batch_id: str) -> Batch:
        batch = Batch()
        async with asyncio.timeout(FINAL_SECONDS):
            async for snapshot in self.quire.watch(batch_id):
                batch = snapshot.batch
        return batch

    async def until(self, batch_id: str, happened: Callable[[Batch], bool]) -> None:
        async def has_happened() -> bool:
            return happened(await self.quire.get(batch_id))

        await until(has_happened, FINAL_SECONDS, LOOK_SECONDS)

    async def attempts(self, outcome: str) -> int:
        """How many attempts came to this, ever."""
        owner = await self.stage.owner()
        try:
            return int(await owner.value("SELECT count(*) FROM document_attempts WHERE outcome = $1", outcome))
        finally:
            await owner.close()


def _text(number: int) -> bytes:
    return f"Mark: mk-{number:016x}\nCanary: {canary_of('figures')}\nInvoice number: INV-{number:04}\n".encode()


async def workers_killed(play: Play) -> None:
    """A worker dies with all it holds, and another has room for it.

    Nobody lost the documents before: a second loss waits on purpose.
    """
    for number in range(KILLS):
        play.stage.model.hold()
        batch_id = await play.submit(SLOTS)
        await play.until(batch_id, lambda batch: batch.counters.processing >= SLOTS)
        member = play.stage.crew.of("extractor")[number % 2]
        held, since = await held_by(play.stage, member.pid), moment()
        play.stage.crew.kill(member.name)
        await play.recoveries.elsewhere(play.stage, KILLED, held, since)
        play.stage.model.release()
        await play.final(batch_id)
        await play.stage.serving()


async def workers_frozen(play: Play) -> None:
    """A worker stands still with all it holds; the line of life does not break."""
    for number in range(FREEZES):
        play.stage.model.hold()
        batch_id = await play.submit(12)
        await play.until(batch_id, lambda batch: batch.counters.processing >= 12)
        member = play.stage.crew.of("extractor")[number % 2]
        held, since = await held_by(play.stage, member.pid), moment()
        play.stage.crew.freeze(member.name)
        play.stage.model.release()
        await play.recoveries.elsewhere(play.stage, FROZEN, held, since)
        play.stage.crew.thaw(member.name)
        await play.final(batch_id)


async def broker_killed(play: Play) -> None:
    """SIGKILL, and what it has stored is there again."""
    for _ in range(TIMES):
        batch_id = await play.submit(40)
        await play.stage.servers.kill_broker()
        await play.stage.servers.start_broker()
        await play.recoveries.confirm(play.stage)
        await play.final(batch_id)


async def database_restarted(play: Play) -> None:
    """An immediate restart, as after a power cut."""
    for _ in range(TIMES):
        batch_id = await play.submit(20)
        await play.stage.servers.restart_database_immediate()
        await play.recoveries.commit(play.stage)
        await play.final(batch_id)


async def broker_wiped(play: Play) -> None:
    """It comes back knowing nothing, with hundreds of documents in flight."""
    batch_id = await play.submit(WIPED)
    await play.until(batch_id, lambda batch: batch.counters.succeeded >= WIPED // 10)
    began = moment()
    await play.stage.servers.wipe_broker()
    batch = await play.final(batch_id)
    play.lines.append(
        f"broker wiped with {WIPED} documents open: all final {moment() - began:.1f} s later, "
        f"{batch.counters.succeeded} of {WIPED} succeeded"
    )


async def database_away(play: Play) -> None:
    """A long outage is nobody's loss."""
    play.stage.model.hold()
    batch_id, lost = await play.submit(16), await play.attempts("lost")
    await play.until(batch_id, lambda batch: batch.counters.processing >= 16)
    await play.stage.servers.kill_database()
    await asyncio.sleep(OUTAGE_SECONDS)
    await play.stage.servers.start_database()
    play.stage.model.release()
    batch = await play.final(batch_id)
    lost = await play.attempts("lost") - lost
    play.lines.append(
        f"database away for {OUTAGE_SECONDS:.0f} s with 16 documents running: {lost} lost their lease, "
        f"{batch.counters.succeeded} of 16 succeeded"
    )


async def poison(play: Play) -> None:
    """A document that takes its worker down each time fails alone."""
    batch = await play.final(await play.submit(POISONED, Content(POISON, _text(POISONED))))
    harmed = POISONED - batch.counters.succeeded
    codes = ", ".join(f"{group.code} × {group.count}" for group in batch.errors)
    play.lines.append(f"one poison document among {POISONED}: {harmed} neighbours harmed; {codes}")
    assert batch.status != BATCH_STATUS_COMPLETED


PLAYS: tuple[Callable[[Play], Awaitable[None]], ...] = (
    workers_killed,
    workers_frozen,
    broker_killed,
    database_restarted,
    broker_wiped,
    database_away,
    poison,
)


async def main() -> int:
    """Play all, or those named."""
    chosen = [one for one in PLAYS if one.__name__ in sys.argv[1:] or len(sys.argv) == 1]
    folder = Path(tempfile.mkdtemp(prefix="quire-figures-"))
    try:
        async with stage(folder, Records(), Size(), pace=PRODUCTION, launcher=poisonable) as standing:
            tenant = await standing.tenant("figures")
            async with QuireClient(standing.endpoint, tenant.key, standing.uploads[0], retry_for=120) as quire:
                standing.model.latency(0.2)
                play = Play(standing, tenant, quire)
                for one in chosen:
                    await one(play)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join([*play.recoveries.lines(), *play.lines]))  # noqa: T201 - a command speaks on standard output
    return 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
