"""Pipeline: documents from sealed to final through the real services, beside the least code that does such work."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.local.services import BATCH, EXTRACTOR, GATEWAY
from tests.bench.documents import SIZE_BYTES
from tests.bench.figures import Figure, Goal, Section, compare, percentile
from tests.bench.floor import Floor
from tests.bench.processes import spent
from tests.bench.rounds import Size, alternate
from tests.bench.stage import INSTANT, SERVERS, SLOTS, Stage
from tests.bench.tenant import Tenant, open_tenant

DOCUMENTS = 600
BUILTIN_DOCUMENTS = 200
CALM_BATCHES = 10
PARTS = (BATCH.name, EXTRACTOR.name, GATEWAY.name, *SERVERS)
GOAL = Goal(60)
INSTANTLY, BUILTIN, FLOOR = "Quire, instant engine", "Quire, builtin engine", "floor: bare libraries"


@dataclass(frozen=True, slots=True)
class Run:
    """One turn."""

    rate: float
    """Documents a second."""
    cpu: dict[str, float]
    """CPU milliseconds for each document, by process."""
    waits: Sequence[float] = field(default=())
    """Seconds from sealed to final."""
    calm: Sequence[float] = field(default=())
    """The same of batches of one document, one after the other."""


async def measure(stage: Stage, size: Size) -> Section:
    """Alternate Quire with two engines and the floor."""
    await stage.migrate()
    await stage.start_all(INSTANT)
    documents, floor = size.of(DOCUMENTS), Floor(stage)
    async with open_tenant(stage) as tenant:

        async def quire() -> Run:
            await stage.start_all(INSTANT)
            return await _run(stage, tenant, documents, size.of(CALM_BATCHES))

        async def builtin() -> Run:
            await stage.start_all()
            return await _run(stage, tenant, size.of(BUILTIN_DOCUMENTS), 0)

        async def bare() -> Run:
            run = await floor.run(documents)
            return Run(run.rate, run.cpu)

        runs = await alternate(size, {INSTANTLY: quire, BUILTIN: builtin, FLOOR: bare})
    await stage.end(EXTRACTOR, GATEWAY, BATCH)
    return Section("pipeline", "Pipeline", _what(size), _figures(runs))


async def _run(stage: Stage, tenant: Tenant, documents: int, calm_batches: int) -> Run:
    await tenant.finish(await tenant.filled(SLOTS, SIZE_BYTES))  # warms up what has just been started
    ready = await tenant.filled(documents, SIZE_BYTES)
    before = stage.cpu(*PARTS)
    batch = await tenant.finish(ready)
    cpu = spent(before, stage.cpu(*PARTS), documents)
    waits = await tenant.waits(batch)
    return Run(documents / max(waits), cpu, waits, [await _calm(tenant) for _ in range(calm_batches)])


async def _calm(tenant: Tenant) -> float:
    batch = await tenant.finish(await tenant.filled(1, SIZE_BYTES))
    return (await tenant.waits(batch))[0]


def _figures(runs: dict[str, list[Run]]) -> tuple[Figure, ...]:
    floor = Figure(FLOOR, "documents/s", tuple(run.rate for run in runs[FLOOR]))
    instant = Figure(INSTANTLY, "documents/s", tuple(run.rate for run in runs[INSTANTLY]), goal=GOAL)
    beside = compare(f"{INSTANTLY}, beside the floor", "documents/s", instant.runs, floor)
    builtin = compare(BUILTIN, "documents/s", [run.rate for run in runs[BUILTIN]], floor)
    return (instant, beside, builtin, floor, *_cpu(runs), *_waits(runs[INSTANTLY]))


def _cpu(runs: dict[str, list[Run]]) -> list[Figure]:
    unit = "CPU-ms/document"
    floor = Figure("CPU of the floor", unit, tuple(sum(run.cpu.values()) for run in runs[FLOOR]))
    whole = compare("CPU of Quire", unit, [sum(run.cpu.values()) for run in runs[INSTANTLY]], floor)
    parts = [
        Figure(f"{'Quire' if name == INSTANTLY else 'floor'}: {part}", unit, tuple(run.cpu[part] for run in runs[name]))
        for name in (INSTANTLY, FLOOR)
        for part in runs[name][0].cpu
    ]
    return [whole, floor, *parts]


def _waits(runs: Sequence[Run]) -> list[Figure]:
    calm = tuple(1000 * wait for run in runs for wait in run.calm)
    return [
        Figure("sealed to final, p50", "s", tuple(percentile(run.waits, 0.5) for run in runs)),
        Figure("sealed to final, p99", "s", tuple(percentile(run.waits, 0.99) for run in runs)),
        Figure("sealed to final, a batch of one in calm", "ms", calm),
    ]


def _what(size: Size) -> str:
    return (
        f"{size.of(DOCUMENTS)} text documents of {SIZE_BYTES} bytes in one batch ({size.of(BUILTIN_DOCUMENTS)} with "
        f"the builtin engine), from sealed to the last one final by the clock of the database; one process of each "
        f"service, {SLOTS} slots. The instant engine answers without reading; parsing, validation and grounding are "
        f"real. The floor has one worker process with {SLOTS} slots, and neither parses nor checks."
    )
