"""A whole Quire that runs: its doors as a user sees them, and its processes as an operator does."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import httpx2

from deploy.local import processes, services, settings
from deploy.local.home import REPOSITORY, Home
from deploy.local.processes import Part, Record
from deploy.local.readiness import until_ready
from deploy.local.report import Report
from deploy.local.services import Service
from deploy.local.stack import up
from quire.batch.v1.batch_pb2 import Batch, Counters
from quire_client import QuireClient, document_status_name

FINAL_SECONDS = 60.0
COMMAND_SECONDS = 60.0
KILL_SECONDS = 10.0
LOG_SECONDS = 20.0
POLL_SECONDS = 0.02
STATUSES = (
    "pending_upload",
    "uploaded",
    "queued",
    "processing",
    "retry_wait",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
)


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Quire:
    """One stack and the environment in which it can be talked to."""

    home: Home
    env: Mapping[str, str]

    def client(self) -> QuireClient:
        return QuireClient.from_environment(environment=self.env)

    def http(self, key: str = "") -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {key or self.env['QUIRE_API_KEY']}"}
        return httpx2.AsyncClient(base_url=self.env["QUIRE_GATEWAY_URL"], headers=headers, timeout=30, trust_env=False)

    async def command(self, *words: str) -> Said:
        """Run `quire` as a shell would."""
        return await self.python("-m", "quire_client.command", *words)

    async def python(self, *words: str) -> Said:
        """Run Python in the environment of the stack, its output in pipes."""
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            env={**os.environ, **self.env},
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                out, err = await running.communicate()
        except TimeoutError:
            running.kill()
            await running.wait()
            raise
        return Said(running.returncode or 0, out.decode(), err.decode())

    def part(self, service: Service, extra: Mapping[str, str] | None = None) -> Part:
        """The process of a service as the stack starts it, with more environment if asked for."""
        part = services.part(service, settings.read(self.home.env_file))
        return replace(part, environ={**part.environ, **(extra or {})})

    async def start(self, service: Service, extra: Mapping[str, str] | None = None) -> None:
        """Start a service unless it runs just so, and wait until it answers."""
        values = settings.read(self.home.env_file)
        await asyncio.to_thread(processes.ensure, self.home, self.part(service, extra))
        await until_ready(self.home, service.name, lambda: services.probe(service, values))

    async def start_all(self) -> None:
        """Start the services that do not run just as the stack does."""
        await self.start(services.BATCH)
        await asyncio.gather(self.start(services.GATEWAY), self.start(services.EXTRACTOR))

    async def start_servers(self) -> None:
        """Start the servers that do not run."""
        await asyncio.to_thread(up, self.home, {}, Report(silent=True), with_services=False)

    async def end(self, name: str) -> None:
        """Ask a part to end and wait until it did."""
        assert await asyncio.to_thread(processes.end, self.home, name)

    def kill(self, name: str) -> None:
        """SIGKILL, as a machine that fails would; returns when the process is gone."""
        record, deadline = self._record(name), time.monotonic() + KILL_SECONDS
        os.kill(record.pid, signal.SIGKILL)
        while record.running():
            assert time.monotonic() < deadline
            os.sched_yield()

    def pid(self, name: str) -> int:
        return self._record(name).pid

    def _record(self, name: str) -> Record:
        record = processes.recorded(self.home, name)
        assert record is not None
        assert record.running()
        return record

    async def until_logged(self, name: str, event: str) -> None:
        """Wait until a part tells of an event in its log."""
        async with asyncio.timeout(LOG_SECONDS):
            while not self._logged(name, event):  # noqa: ASYNC110 - another process writes the file
                await asyncio.sleep(POLL_SECONDS)

    def _logged(self, name: str, event: str) -> bool:
        return f'"event":"{event}"' in self.home.log(name).read_text()


async def final(client: QuireClient, batch_id: str, seconds: float = FINAL_SECONDS) -> Batch:
    """Watch until the batch is final."""
    batch = Batch()
    async with asyncio.timeout(seconds):
        async for snapshot in client.watch(batch_id):
            batch = snapshot.batch
    return batch


async def recount(client: QuireClient, batch_id: str) -> dict[str, int]:
    """How many documents stand in each status, counted one by one."""
    found = Counter([document_status_name(one.status).lower() async for one in client.documents(batch_id)])
    return {status: found[status] for status in STATUSES}


def counted(counters: Counters) -> dict[str, int]:
    """The same from the batch's own counters."""
    return {status: getattr(counters, status) for status in STATUSES}
