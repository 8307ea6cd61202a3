"""The floor of the pipeline: its tables, its jobs and its clock. What works the jobs is `floor_worker`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import aio_pika
import orjson

from chassis.blobs import Blobs
from chassis.settings import StoreSettings
from tests.bench.database import open_database
from tests.bench.documents import document
from tests.bench.processes import cpu_seconds, spent
from tests.bench.stage import SERVERS, SLOTS, Stage

JOBS, DONE = "floor.jobs", "floor.done"
UPLOADS_AT_ONCE = 16
_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.batches (id uuid PRIMARY KEY, total int NOT NULL, done int NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS floor.documents (
    id uuid PRIMARY KEY, batch_id uuid NOT NULL, status text NOT NULL DEFAULT 'QUEUED', result_key text
);
"""


@dataclass(frozen=True, slots=True)
class FloorRun:
    """One turn of the floor."""

    rate: float
    """Documents a second."""
    cpu: dict[str, float]
    """CPU milliseconds for each document, by process."""


@dataclass(frozen=True)
class Floor:
    """The same servers, without Quire."""

    stage: Stage

    async def run(self, documents: int) -> FloorRun:
        """Bring so many documents from published to counted."""
        batch, ids = await self._prepare(documents)
        worker = await self.stage.spawn("-m", "tests.bench.floor_worker", str(SLOTS))
        assert worker.stdin is not None
        assert worker.stdout is not None
        await worker.stdout.readline()  # it consumes
        before = self._cpu(worker.pid)
        began = time.perf_counter()
        await self._publish(batch, ids)
        await worker.stdout.readline()  # the batch is complete
        seconds = time.perf_counter() - began
        cpu = spent(before, self._cpu(worker.pid), documents)
        worker.stdin.close()
        await worker.wait()
        return FloorRun(documents / seconds, cpu)

    def _cpu(self, worker: int) -> dict[str, float]:
        return {"worker": sum(cpu_seconds(worker)), **self.stage.cpu(*SERVERS)}

    async def _prepare(self, documents: int) -> tuple[UUID, list[UUID]]:
        batch, ids = uuid4(), [uuid4() for _ in range(documents)]
        async with open_database(self.stage.env["QUIRE_DATABASE_OWNER_URL"]) as database:
            await database.execute(_SCHEMA)
            await database.execute("INSERT INTO floor.batches VALUES ($1, $2)", batch, documents)
            await database.executemany("INSERT INTO floor.documents VALUES ($1, $2)", [(one, batch) for one in ids])
        await self._upload(ids)
        return batch, ids

    async def _upload(self, ids: Sequence[UUID]) -> None:
        blobs, left = Blobs(_store(self.stage)), iter(list(enumerate(ids)))

        async def upload() -> None:
            for number, one in left:
                await blobs.put(f"floor/{one}", document(number))

        await asyncio.gather(*(upload() for _ in range(UPLOADS_AT_ONCE)))
        blobs.close()

    async def _publish(self, batch: UUID, ids: Sequence[UUID]) -> None:
        async with await aio_pika.connect(self.stage.env["QUIRE_AMQP_URL"]) as connection:
            exchange = (await connection.channel()).default_exchange
            jobs = [_job({"batch": str(batch), "document": str(one)}) for one in ids]
            await asyncio.gather(*(exchange.publish(job, JOBS) for job in jobs))


def _job(body: dict[str, str]) -> aio_pika.Message:
    return aio_pika.Message(orjson.dumps(body), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)


def _store(stage: Stage) -> StoreSettings:
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in stage.env.items()}
    return StoreSettings.model_validate(fields)
