"""The worker as a process of its own, between a real broker, a real store and a batch service that follows a script."""

import asyncio
import hashlib
import os
import re
import signal
import sys
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aio_pika
from google.protobuf.message import Message

from chassis.amqp import Publisher
from chassis.blobs import Blobs
from chassis.settings import ServiceSettings
from chassis.topology import (
    DEAD_LETTERS,
    DOCUMENT_EXTRACTED,
    DOCUMENT_FAILED,
    DOCUMENT_PROGRESSED,
    DOCUMENT_RELEASED,
    EXTRACT_JOB,
    JOBS,
    JOBS_EXTRACT,
    PROGRESS_FOLD,
    declare,
)
from quire.events.v1 import progress_pb2
from quire.jobs.v1.jobs_pb2 import ExtractDocument
from quire.work.v1.work_service_pb2 import Claim
from tests.contract.extractor.work_service import FakeWorkService, serving

Servers = Mapping[str, str]
BODY = b"Invoice number: A-17\nTotal: 12.50\n"
SCHEMA = '{"type": "object", "properties": {"total": {"type": ["number", "null"]}}, "required": ["total"]}'
EVENTS: dict[str, type[Message]] = {
    DOCUMENT_EXTRACTED: progress_pb2.DocumentExtracted,
    DOCUMENT_FAILED: progress_pb2.DocumentFailed,
    DOCUMENT_RELEASED: progress_pb2.DocumentReleased,
    DOCUMENT_PROGRESSED: progress_pb2.DocumentProgressed,
}


@dataclass(eq=False)
class Worker:
    process: asyncio.subprocess.Process
    log: Path

    def text(self) -> str:
        return self.log.read_text()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def ended(self, seconds: float = 30.0) -> int:
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    def resident_mebibytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


@dataclass(eq=False)
class World:
    servers: Servers
    folder: Path
    work: FakeWorkService
    address: str
    blobs: Blobs
    publisher: Publisher
    channel: aio_pika.abc.AbstractChannel
    events: asyncio.Queue[tuple[str, Any]] = field(default_factory=asyncio.Queue[tuple[str, Any]])
    workers: list[Worker] = field(default_factory=list[Worker])

    async def start_worker(self, **changes: str) -> Worker:
        """Answers once it is attached and consumes."""
        hellos = len(self.work.hellos)
        worker = await self.spawn_worker(**changes)
        await self.work.until(lambda: len(self.work.hellos) > hellos, seconds=40)
        return worker

    async def spawn_worker(self, **changes: str) -> Worker:
        log = self.folder / f"worker-{len(self.workers)}.log"
        environ = {"PATH": os.environ["PATH"], **self._settings(), **changes}
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "extractor", "serve", env=environ, stdout=output, stderr=output
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        return worker

    def _settings(self) -> dict[str, str]:
        shared = {name: value for name, value in self.servers.items() if name.startswith(("QUIRE_S3_", "QUIRE_AMQP_"))}
        return shared | {
            "TMPDIR": str(self.folder),
            "QUIRE_BATCH_ADDRESS": self.address,
            "QUIRE_WORKER_TOKEN": "worker-token",
            "QUIRE_EXTRACTOR_LISTEN": "127.0.0.1:0",
            "QUIRE_EXTRACTOR_SLOTS": "4",
            "QUIRE_PARSER_CHILDREN": "1",
            "QUIRE_BEAT_SECONDS": "0.5",
        }

    async def offer(self, body: bytes = BODY, **changes: Any) -> Claim:
        """Store a document, make its dispatch claimable and send its job."""
        dispatch = uuid.uuid4().hex
        claim = await self.store(body, **changes)
        self.work.claims[dispatch] = claim
        await self.send(claim, dispatch)
        return claim

    async def store(self, body: bytes = BODY, **changes: Any) -> Claim:
        document = uuid.uuid4().hex
        key = f"t1/b1/{document}/source"
        await self.blobs.put(key, body)
        claim = Claim(
            tenant_id="t1",
            batch_id="b1",
            document_id=document,
            attempt=1,
            lease_token=f"lease-{document}",
            name="note.txt",
            object_key=key,
            size_bytes=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            extraction_prompt="the total",
            output_schema=SCHEMA,
            max_pages=10,
            result_key=f"t1/b1/{document}/1.json",
        )
        claim.job_deadline.FromSeconds(60)
        claim.MergeFrom(Claim(**changes))
        return claim

    async def send(self, claim: Claim, dispatch: str) -> None:
        job = ExtractDocument(tenant_id="t1", batch_id="b1", document_id=claim.document_id, dispatch_id=dispatch)
        await self.send_raw(job.SerializeToString())

    async def send_raw(self, body: bytes) -> None:
        await self.publisher.publish(JOBS, EXTRACT_JOB, body)

    async def terminal(self, seconds: float = 20.0) -> tuple[str, Any]:
        """The next event that ends an attempt."""
        async with asyncio.timeout(seconds):
            while (event := await self.events.get())[0] == DOCUMENT_PROGRESSED:
                pass
            return event

    async def hear(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        kind = message.type or ""
        await self.events.put((kind, EVENTS[kind].FromString(message.body)))
        await message.ack()

    async def dead_letter(self, seconds: float = 10.0) -> aio_pika.abc.AbstractIncomingMessage:
        queue = await self.channel.get_queue(DEAD_LETTERS.name)
        async with asyncio.timeout(seconds), queue.iterator() as letters:
            async for letter in letters:
                await letter.ack()
                return letter
        raise AssertionError("no dead letter")

    async def left_in_queue(self) -> int:
        """Jobs ready for somebody else."""
        queue = await self.channel.declare_queue(JOBS_EXTRACT.name, passive=True)
        return queue.declaration_result.message_count or 0


@asynccontextmanager
async def open_world(servers: Servers, folder: Path) -> AsyncGenerator[World]:
    blobs = Blobs(_store_settings(servers))
    publisher = Publisher(servers["QUIRE_AMQP_URL"], "test", JOBS_EXTRACT, PROGRESS_FOLD)
    connection = await aio_pika.connect(servers["QUIRE_AMQP_URL"])
    channel = await connection.channel()
    await declare(channel, JOBS_EXTRACT, PROGRESS_FOLD)
    service = FakeWorkService()
    async with serving(service) as address:
        world = World(servers, folder, service, address, blobs, publisher, channel)
        for queue in (JOBS_EXTRACT, PROGRESS_FOLD, DEAD_LETTERS):
            await (await channel.get_queue(queue.name)).purge()
        await (await channel.get_queue(PROGRESS_FOLD.name)).consume(world.hear)
        try:
            yield world
        finally:
            await _end(world.workers)
            await publisher.close()
            await connection.close()
            blobs.close()


async def _end(workers: list[Worker]) -> None:
    for worker in workers:
        with suppress(ProcessLookupError):
            worker.process.kill()
        await worker.ended()
        sys.stdout.write(worker.text())


def _store_settings(servers: Servers) -> ServiceSettings:
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in servers.items()}
    return ServiceSettings.model_validate(fields)
