"""The stack a measurement runs on: servers in a folder of its own, and the services a section asks for."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from deploy.local import object_store, postgres, processes, rabbitmq, services, settings
from deploy.local.home import REPOSITORY, Home
from deploy.local.readiness import until_ready
from deploy.local.services import BATCH, EXTRACTOR, GATEWAY, PYTHON, Service
from deploy.local.stack import stack
from tests.bench.processes import cpu_seconds

SERVERS = (postgres.NAME, rabbitmq.NAME, object_store.NAME)
FROM_A_DEVELOPERS_SHELL = ("QUIRE_", "OPENAI_")
SLOTS = 32
START_SECONDS = 30.0
POLL_SECONDS = 0.005
INSTANT = (PYTHON, "-m", "tests.bench.instant_extractor", "serve")


@dataclass(frozen=True)
class Stage:
    """One stack and the environment in which it can be talked to."""

    home: Home
    env: Mapping[str, str]

    async def migrate(self) -> None:
        """Bring the schema up to date."""
        await services.migrate(self.home, settings.read(self.home.env_file))

    async def start(self, service: Service, words: Sequence[str] = (), extra: Mapping[str, str] | None = None) -> None:
        """Start a service unless it runs just so, and wait until it answers; `words` replace its command line."""
        await self.launch(service, words, extra)
        values = settings.read(self.home.env_file)
        await until_ready(self.home, service.name, lambda: services.probe(service, values))

    async def launch(self, service: Service, words: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
        """Start a service and leave it to itself."""
        usual = services.part(service, settings.read(self.home.env_file))
        part = replace(usual, argv=tuple(words) or usual.argv, environ={**usual.environ, **(extra or {})})
        await asyncio.to_thread(processes.ensure, self.home, part)

    async def start_all(self, extractor: Sequence[str] = ()) -> None:
        """Start batch, gateway and an extractor with 32 slots."""
        await self.start(BATCH)
        await self.start(GATEWAY)
        await self.start(EXTRACTOR, extractor, {"QUIRE_EXTRACTOR_SLOTS": str(SLOTS)})

    async def end(self, *ended: Service) -> None:
        """Ask services to end and wait until they did."""
        for service in ended:
            await asyncio.to_thread(processes.end, self.home, service.name)

    async def run(self, *words: str) -> bytes:
        """Run Python in the environment of the stack; answers what it printed."""
        child = await self.spawn(*words)
        printed, _ = await child.communicate()
        if child.returncode:
            raise RuntimeError(f"python {' '.join(words)} ended with {child.returncode}")
        return printed

    async def spawn(self, *words: str) -> asyncio.subprocess.Process:
        """Start Python in the environment of the stack, with a pipe to and from it."""
        pipe = asyncio.subprocess.PIPE
        environ = {**os.environ, **self.env}
        return await asyncio.create_subprocess_exec(
            sys.executable, *words, env=environ, cwd=REPOSITORY, stdin=pipe, stdout=pipe
        )

    def pid(self, name: str) -> int:
        """The process that runs a part."""
        record = processes.recorded(self.home, name)
        if record is None:
            raise RuntimeError(f"{name} was not started")
        return record.pid

    def cpu(self, *names: str) -> dict[str, float]:
        """CPU seconds so far by part; the extractor's parser children apart from itself."""
        used = {name: cpu_seconds(self.pid(name)) for name in names}
        apart = {"parser children": used[EXTRACTOR.name][1]} if EXTRACTOR.name in used else {}
        return {name: own + (0.0 if name == EXTRACTOR.name else below) for name, (own, below) in used.items()} | apart

    async def logged(self, name: str, event: str) -> float:
        """When a part first logged an event in this run, waiting until it does: seconds since the epoch."""
        async with asyncio.timeout(START_SECONDS):
            while (at := _logged(self.home.log(name), event)) is None:  # noqa: ASYNC110 - another process logs it
                await asyncio.sleep(POLL_SECONDS)
        return at


def _logged(log: Path, event: str) -> float | None:
    for line in log.read_text().splitlines():
        if f'"event":"{event}"' in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    return None


@contextmanager
def open_stage() -> Generator[Stage]:
    """PostgreSQL, RabbitMQ and the object store in a temporary folder; nothing is left of it afterwards."""
    for name in [name for name in os.environ if name.startswith(FROM_A_DEVELOPERS_SHELL)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="quire-bench-") as folder:
        home = Home(Path(folder).resolve())
        with stack(home.root, services=False) as env:
            try:
                yield Stage(home, env)
            finally:
                for service in (EXTRACTOR, GATEWAY, BATCH):
                    processes.end(home, service.name)
