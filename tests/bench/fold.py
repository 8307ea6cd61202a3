"""Fold: events a second through `python -m batch serve fold`, beside bare consume-and-ack of the same messages."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from batch.loops.fold import LARGEST_SET, PREFETCH
from chassis.amqp import Publisher
from chassis.topology import PROGRESS, PROGRESS_FOLD
from deploy.local.services import BATCH, PYTHON
from tests.bench.database import Database, open_database
from tests.bench.figures import Figure, Goal, Section, compare
from tests.bench.fold_rows import EVENTS_PER_DOCUMENT, Running, claimed_documents, events_of, open_batches
from tests.bench.processes import spent
from tests.bench.rounds import Contestant, Size, alternate
from tests.bench.stage import Stage

DOCUMENTS = 5_000
BATCHES = 200
AT_ONCE = 500
POLL_SECONDS = 0.01
LONGEST_SECONDS = 120.0
GOAL = Goal(0.5)
PARTS = (BATCH.name, "postgres", "rabbitmq")
SPREAD, HOT = "fold, many batches", "fold, one hot batch"
BARE, BARE_SETS = "bare consume, ack each", "bare consume, ack in sets"


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant's turn."""

    rate: float
    """Events a second."""
    cpu: dict[str, float]
    """CPU milliseconds for each event, by part."""


async def measure(stage: Stage, size: Size) -> Section:
    """Alternate both folds and both floors."""
    await stage.migrate()
    await stage.end(BATCH)
    publisher = Publisher(stage.env["QUIRE_AMQP_URL"], "bench", PROGRESS_FOLD)
    async with open_database(stage.env["QUIRE_DATABASE_ENGINE_URL"]) as database:
        runs = await alternate(size, _contestants(_Track(stage, database, publisher), size))
    await publisher.close()
    return Section("fold", "Fold", _what(size), _figures(runs))


def _contestants(track: "_Track", size: Size) -> dict[str, Contestant[Run]]:
    documents, batches = size.of(DOCUMENTS), size.of(BATCHES)
    return {
        BARE: partial(track.bare, documents, batches, 1),
        BARE_SETS: partial(track.bare, documents, batches, LARGEST_SET),
        SPREAD: partial(track.fold, documents, batches),
        HOT: partial(track.fold, documents, 1),
    }


@dataclass(frozen=True)
class _Track:
    stage: Stage
    database: Database
    publisher: Publisher

    async def bare(self, documents: int, batches: int, ack_every: int) -> Run:
        events = await self._publish(await claimed_documents(self.database, batches, documents // batches))
        before = self.stage.cpu("rabbitmq")
        words = ("-m", "tests.bench.bare_consumer", PROGRESS_FOLD.name, str(PREFETCH), str(events), str(ack_every))
        seconds, cpu = (float(number) for number in (await self.stage.run(*words)).split())
        broker = spent(before, self.stage.cpu("rabbitmq"), events)
        return Run(events / seconds, {"consumer": 1000 * cpu / events, **broker})

    async def fold(self, documents: int, batches: int) -> Run:
        running = await claimed_documents(self.database, batches, documents // batches)
        events = await self._publish(running)
        await self.stage.launch(BATCH, (PYTHON, "-m", "batch", "serve", "fold"))
        began = await self.stage.logged(BATCH.name, "consumer_attached")
        before = self.stage.cpu(*PARTS)
        ended = await self._all_final(running)
        after = self.stage.cpu(*PARTS)
        await self.stage.end(BATCH)
        return Run(events / (ended - began), spent(before, after, events))

    async def _publish(self, documents: Sequence[Running]) -> int:
        events = list(events_of(documents))
        for start in range(0, len(events), AT_ONCE):
            chunk = events[start : start + AT_ONCE]
            await asyncio.gather(*(self.publisher.publish(PROGRESS, key, body) for key, body in chunk))
        return len(events)

    async def _all_final(self, documents: Sequence[Running]) -> float:
        deadline = time.monotonic() + LONGEST_SECONDS
        while await open_batches(self.database, documents):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the fold did not finish:\n{self.stage.home.last_words(BATCH.name)}")
            await asyncio.sleep(POLL_SECONDS)
        return time.time()


def _figures(runs: dict[str, list[Run]]) -> tuple[Figure, ...]:
    rates = {name: [run.rate for run in of] for name, of in runs.items()}
    bare = Figure(BARE, "events/s", tuple(rates[BARE]))
    spread = compare(SPREAD, "events/s", rates[SPREAD], bare, GOAL)
    hot = compare(HOT, "events/s", rates[HOT], bare, GOAL)
    beside = compare("hot batch beside many", "events/s", rates[HOT], spread)
    bare_sets = Figure(BARE_SETS, "events/s", tuple(rates[BARE_SETS]))
    hardest = compare(f"{SPREAD}, beside the harder floor", "events/s", rates[SPREAD], bare_sets)
    costs = [
        Figure(f"{name}: {part}", "CPU-ms/event", tuple(run.cpu[part] for run in runs[name]))
        for name in (SPREAD, BARE)
        for part in runs[name][0].cpu
    ]
    return (spread, hot, hardest, beside, bare, bare_sets, *costs)


def _what(size: Size) -> str:
    return (
        f"{size.of(DOCUMENTS) * EVENTS_PER_DOCUMENT} events (half progress, half results; all progress first, so that "
        f"every event moves a row) in the queue, then a consumer is started: from its consume-ok to the last batch "
        f"final, or to the last ack. {size.of(BATCHES)} batches in turns, or one. Prefetch {PREFETCH} for all; "
        f"the bare consumer acks each message, as its tutorial does, or, harder to keep up with, {LARGEST_SET} at once."
    )
