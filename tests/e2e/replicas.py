"""Two processes of each service on one set of servers, each ended and started by itself as a rolling restart does."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from deploy.local import services
from deploy.local.home import REPOSITORY
from deploy.local.services import BATCH, EXTRACTOR, GATEWAY, Service
from tests.e2e.running_quire import Quire
from tests.integration.batch.processes import free_address

START_SECONDS = 60.0
POLL_SECONDS = 0.05
SLOTS = "4"
# The balancer here asks five times a second, and callers try a lost connection again after one.
NOTICE_SECONDS = "2"


@dataclass
class Replica:
    """One process of a service."""

    service: Service
    environ: Mapping[str, str]
    log: Path
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once it says SERVING."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                services.PYTHON,
                "-m",
                self.service.name,
                "serve",
                env=self.environ,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )
        async with asyncio.timeout(START_SECONDS):
            while await services.probe(self.service, self.environ) is not None:
                assert self._process.returncode is None, self.log.read_text()[-3000:]
                await asyncio.sleep(POLL_SECONDS)

    async def end(self) -> int:
        """SIGTERM, and wait; answers the exit status."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(float(self.environ["QUIRE_DRAIN_SECONDS"])):
            return await process.wait()

    async def restart(self) -> None:
        """End it, readiness first, without having cut anything off; then start it anew."""
        readiness = await self._watch()
        assert await self.end() == 0, self.log.read_text()[-3000:]
        assert await readiness == [HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING]
        await self.start()

    async def _watch(self) -> asyncio.Task[list[int]]:
        """What it says of itself until it lets its watchers go; the first of it is heard already."""
        heard = asyncio.Event()

        async def watch() -> list[int]:
            said: list[int] = []
            async with grpc.aio.insecure_channel(self.environ[self.service.health]) as channel:
                # By name, since the stub of this package has no types.
                ask = channel.unary_stream(
                    "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
                )
                async for answer in ask(HealthCheckRequest(service="")):
                    said.append(answer.status)
                    heard.set()
            return said

        watching = asyncio.create_task(watch())
        await heard.wait()
        return watching

    async def kill(self) -> None:
        """End it if it still runs, whatever it does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        assert self._process.returncode is None
        return self._process


@dataclass(frozen=True)
class Replicas:
    """Two of each."""

    batch: Sequence[Replica]
    gateway: Sequence[Replica]
    extractor: Sequence[Replica]

    def all(self) -> Sequence[Replica]:
        return (*self.batch, *self.gateway, *self.extractor)

    @property
    def batch_address(self) -> str:
        """Both, as `dns:///` of a headless service would give them."""
        return _target(self.batch, "QUIRE_BATCH_LISTEN")

    @property
    def upload_address(self) -> str:
        return _target(self.gateway, "QUIRE_GATEWAY_GRPC_LISTEN")

    @property
    def http_addresses(self) -> Sequence[str]:
        return [replica.environ["QUIRE_GATEWAY_HTTP_LISTEN"] for replica in self.gateway]


def _target(replicas: Sequence[Replica], listen: str) -> str:
    return "ipv4:" + ",".join(replica.environ[listen] for replica in replicas)


@asynccontextmanager
async def two_of_each(quire: Quire, extra: Mapping[str, str], logs: Path) -> AsyncGenerator[Replicas]:
    """In the place of the stack's own services, which are there again afterwards."""
    for service in (EXTRACTOR, GATEWAY, BATCH):
        await quire.end(service.name)
    replicas = _prepared(quire, extra, logs)
    try:
        await asyncio.gather(*(replica.start() for replica in replicas.batch))
        await asyncio.gather(*(replica.start() for replica in (*replicas.gateway, *replicas.extractor)))
        yield replicas
    finally:
        await asyncio.gather(*(replica.kill() for replica in replicas.all()))
        await quire.start_all()


def _prepared(quire: Quire, extra: Mapping[str, str], logs: Path) -> Replicas:
    def pair(service: Service, *listens: str) -> Sequence[Replica]:
        usual = quire.part(
            service, {**extra, "QUIRE_NOTICE_SECONDS": NOTICE_SECONDS, "QUIRE_DRAIN_SECONDS": "25"}
        ).environ
        other = {**usual, **{listen: free_address() for listen in listens}}
        return [Replica(service, each, logs / f"{service.name}-{n}.log") for n, each in enumerate((usual, other), 1)]

    batch = pair(BATCH, "QUIRE_BATCH_LISTEN")
    extra = {**extra, "QUIRE_BATCH_ADDRESS": _target(batch, "QUIRE_BATCH_LISTEN"), "QUIRE_EXTRACTOR_SLOTS": SLOTS}
    gateway = pair(GATEWAY, "QUIRE_GATEWAY_HTTP_LISTEN", "QUIRE_GATEWAY_GRPC_LISTEN")
    return Replicas(batch, gateway, pair(EXTRACTOR, "QUIRE_EXTRACTOR_LISTEN"))
