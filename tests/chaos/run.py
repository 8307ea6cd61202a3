"""One run: a stage, customers, faults; then everything is healed, comes to rest, and is checked."""

import asyncio
import json
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chassis.topology import JOBS_EXTRACT, PROGRESS_FOLD
from tests.chaos.checker.check import check
from tests.chaos.checker.ground import Footprint, Ground, Process, footprint, secrets_of
from tests.chaos.checker.sampling import sampling
from tests.chaos.customer import Customer
from tests.chaos.mutants.catalogue import ALL as MUTANTS
from tests.chaos.mutants.launch import planting
from tests.chaos.nemesis import Nemesis, Planned, plan
from tests.chaos.records import Records, Violation
from tests.chaos.stage import LEASE_SECONDS, PACE, Size, Stage, stage, usually
from tests.waiting import until

TENANTS = ("ash", "birch", "cedar")
CUSTOMERS_EACH = 2
REST_SECONDS = 180.0
"""After the last fault is healed, everything accepted is final within this."""
LOOK_SECONDS = 0.5
CALM_SECONDS = 3.0
FORGETFUL = frozenset({"broker_wiped"})
"""Faults by which the broker loses what it had confirmed."""
LATENCY_SECONDS = 0.2
WARM_SECONDS = 8.0
"""Work before the first fault, so that what a process takes when all is well is known."""

_AT_REST = """
SELECT NOT EXISTS (SELECT 1 FROM outbox)
   AND NOT EXISTS (SELECT 1 FROM batch_processes
                    WHERE sealed_at IS NOT NULL AND status IN ('QUEUED', 'PROCESSING', 'CANCELLING'))
"""


@dataclass
class Report:
    """What a run came to."""

    seed: int
    faults: int
    documents: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])
    notes: list[str] = field(default_factory=list[str])

    def count(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.violations)

    @property
    def last_line(self) -> str:
        return (
            f"chaos: seed={self.seed} faults={self.faults} documents={self.documents} lost={self.count('lost')} "
            f"duplicated={self.count('duplicated')} wrong={self.count('wrong')} violations={len(self.violations)}"
        )


async def run(folder: Path, seed: int, faults: int, *, mutant: str = "") -> Report:
    """Run once; everything that was written stays in the folder."""
    records, report = Records(), Report(seed, faults)
    planned = plan(seed, faults, MUTANTS[mutant].favours if mutant else ())
    async with stage(folder, records, Size(), launcher=planting(mutant) if mutant else usually) as on_stage:
        ground = _ground(on_stage)
        async with sampling(ground) as sampled:
            report.notes += await _work_and_strike(on_stage, ground, seed, planned)
            report.notes += await _come_to_rest(on_stage)
        await _at_the_end(on_stage, ground)
        report.violations = [*sampled, *await check(ground, records)]
        report.notes += ground.notes
    report.documents = sum(len(batch.documents) for batch in records.client.batches.values())
    _write_down(folder, report, records)
    return report


async def _work_and_strike(on_stage: Stage, ground: Ground, seed: int, planned: list[Planned]) -> list[str]:
    on_stage.model.latency(LATENCY_SECONDS)
    over, log = asyncio.Event(), on_stage.records.client
    tenants = [await on_stage.tenant(name) for name in TENANTS]
    customers = [
        Customer(on_stage, tenant, random.Random(f"{seed} {tenant.name} {number}"), log)
        for tenant in tenants
        for number in range(CUSTOMERS_EACH)
    ]
    nemesis = Nemesis(on_stage)
    async with asyncio.TaskGroup() as all_of_it:
        for customer in customers:
            all_of_it.create_task(customer.work(over))
        await asyncio.sleep(WARM_SECONDS)
        ground.processes = _processes(on_stage)
        await nemesis.strike(planned)
        _heal(on_stage)
        over.set()
    return nemesis.recoveries.lines()


def _heal(on_stage: Stage) -> None:
    """Whatever a fault may have left broken; each heals itself, so this is for the runner's own faults."""
    on_stage.model.honest()
    on_stage.failpoint.unlink(missing_ok=True)
    for link in on_stage.wires.values():
        link.open()
    for member in on_stage.crew.members.values():
        member.leave = False
        on_stage.crew.thaw(member.name)


async def _come_to_rest(on_stage: Stage) -> list[str]:
    """Wait until nothing is left to do, and a little more for what is still on its way to subscribers."""
    await on_stage.servers.start_all()
    owner = await on_stage.owner()
    try:
        seconds = await until(lambda: owner.value(_AT_REST), REST_SECONDS, LOOK_SECONDS)
    except TimeoutError:
        return [f"not at rest {REST_SECONDS:.0f} s after the last fault"]
    finally:
        await owner.close()
    await asyncio.sleep(CALM_SECONDS)
    return [f"at rest {seconds:.1f} s after the last customer left"]


def _ground(on_stage: Stage) -> Ground:
    env = on_stage.env
    return Ground(
        owner_url=env["QUIRE_DATABASE_OWNER_URL"],
        amqp_url=env["QUIRE_AMQP_URL"],
        store={name: value for name, value in env.items() if name.startswith("QUIRE_S3_")},
        logs=on_stage.home.root / "logs",
        consumers={
            JOBS_EXTRACT.name: len(on_stage.crew.of("extractor")),
            PROGRESS_FOLD.name: len(on_stage.crew.of("batch")),
        },
        secrets=secrets_of(env),
        lease_seconds=LEASE_SECONDS,
        forgetful=FORGETFUL,
        sparing=frozenset(),
        slots={member.name: int(PACE["QUIRE_EXTRACTOR_SLOTS"]) for member in on_stage.crew.of("extractor")},
    )


def _processes(on_stage: Stage) -> dict[str, Process]:
    return {name: Process(member.pid, _footprint(member.pid)) for name, member in on_stage.crew.members.items()}


async def _at_the_end(on_stage: Stage, ground: Ground) -> None:
    """Look at the processes that live now; one that was replaced has nothing to be compared with."""
    await on_stage.serving()
    before = {one.pid: one.before for one in ground.processes.values()}
    ground.processes = {
        name: Process(member.pid, before.get(member.pid)) for name, member in on_stage.crew.members.items()
    }


def _footprint(pid: int) -> Footprint | None:
    try:
        return footprint(pid)
    except OSError:
        return None


def _write_down(folder: Path, report: Report, records: Records) -> None:
    """Keep what a reader of a failed run needs beside the logs of the services."""
    written = {
        "line": report.last_line,
        "notes": report.notes,
        "violations": [asdict(one) for one in report.violations],
        "refusals": dict(records.client.refusals),
    }
    (folder / "report.json").write_text(json.dumps(written, indent=1))
    lines = (json.dumps(asdict(one), default=sorted) for one in records.faults.faults)
    (folder / "faults.jsonl").write_text("\n".join(lines) + "\n")
