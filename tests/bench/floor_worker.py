"""The floor of the pipeline: the least code that does a document's work with the same promises.

It reads the object, writes a result object, moves the document and the counter of its batch in one transaction that
counts nothing twice, tells of the finished batch with a confirm, and acks last. No tiers, fairness, leases, timeline,
parsing, engine or validation. `python -m tests.bench.floor_worker SLOTS` prints a line when it consumes and a line for
each batch completed; it ends when its standard input does.
"""

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import aio_pika
import orjson
import urllib3
import uvloop
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from minio import Minio
from pydantic import SecretStr

from chassis.settings import BrokerSettings, StoreSettings, load
from tests.bench.database import Pool, open_pool
from tests.bench.documents import VALUES
from tests.bench.floor import DONE, JOBS

CONNECTIONS = 10
RESULT = orjson.dumps({"values": VALUES, "padding": "x" * 1_000})
_MOVE = """
UPDATE floor.documents SET status = 'SUCCEEDED', result_key = $2 WHERE id = $1 AND status = 'QUEUED' RETURNING batch_id
"""
_COUNT = "UPDATE floor.batches SET done = done + 1 WHERE id = $1 RETURNING done = total"


class FloorSettings(BrokerSettings, StoreSettings):
    """What it reads from the environment."""

    database_owner_url: SecretStr


@dataclass(frozen=True)
class Worker:
    """Works jobs, `slots` at a time."""

    pool: Pool
    store: Minio
    bucket: str
    threads: ThreadPoolExecutor
    channel: AbstractChannel

    async def on_job(self, message: AbstractIncomingMessage) -> None:
        """Do one document."""
        job = orjson.loads(message.body)
        key = f"floor/{job['document']}"
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.threads, self._read, key)
        await loop.run_in_executor(self.threads, self._write, f"{key}.json")
        if await self._count(UUID(job["document"]), f"{key}.json"):
            done = aio_pika.Message(message.body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await self.channel.default_exchange.publish(done, DONE)
            _say("complete")
        await message.ack()

    async def _count(self, document: UUID, result_key: str) -> bool:
        async with self.pool.acquire() as connection, connection.transaction():
            batch = await connection.fetchval(_MOVE, document, result_key)
            return batch is not None and bool(await connection.fetchval(_COUNT, batch))

    def _read(self, key: str) -> bytes:
        response = self.store.get_object(bucket_name=self.bucket, object_name=key)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def _write(self, key: str) -> None:
        self.store.put_object(bucket_name=self.bucket, object_name=key, data=io.BytesIO(RESULT), length=len(RESULT))


async def main(slots: int) -> None:
    """Work until standard input ends."""
    settings = load(FloorSettings)
    broker = await aio_pika.connect(settings.amqp_url.get_secret_value())
    async with broker, open_pool(settings.database_owner_url.get_secret_value(), CONNECTIONS) as pool:
        channel = await broker.channel()
        await channel.set_qos(prefetch_count=slots)
        await _declare(channel, DONE)
        jobs = await _declare(channel, JOBS)
        worker = Worker(pool, _store(settings, slots), settings.s3_bucket, ThreadPoolExecutor(slots), channel)
        await jobs.consume(worker.on_job)
        _say("consuming")
        await asyncio.to_thread(sys.stdin.read)


async def _declare(channel: AbstractChannel, name: str) -> aio_pika.abc.AbstractQueue:
    return await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})


def _store(settings: StoreSettings, connections: int) -> Minio:
    url = urlsplit(settings.s3_endpoint)
    return Minio(
        endpoint=url.netloc,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=url.scheme == "https",
        region=settings.s3_region,
        http_client=urllib3.PoolManager(maxsize=connections),
    )


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
