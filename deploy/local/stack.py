"""The whole stack: what starts when, what waits for what, and in which order it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import object_store, ports, postgres, processes, rabbitmq, services, settings
from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.processes import Part
from deploy.local.readiness import Probe, until_external_ready, until_ready
from deploy.local.report import PARTS, Report
from deploy.local.services import Service
from deploy.local.settings import SERVERS, Environ

SERVICES = (services.EXTRACTOR, services.GATEWAY, services.BATCH)


@dataclass(frozen=True)
class Stack:
    """One `up` at work."""

    home: Home
    values: Environ
    report: Report

    async def servers(self) -> None:
        """PostgreSQL, RabbitMQ and the object store, side by side."""
        await _together(
            self._server(postgres.NAME, self._postgres, postgres.probe_external),
            self._server(rabbitmq.NAME, self._rabbitmq, rabbitmq.probe),
            self._server(object_store.NAME, self._object_store, object_store.probe),
        )

    async def services(self) -> None:
        """The schema first; then batch, on which the other two lean."""
        began = time.monotonic()
        await services.migrate(self.home, self.values)
        self.report.ready("schema", "", "migrated", began)
        await self._service(services.BATCH)
        await _together(self._service(services.GATEWAY), self._service(services.EXTRACTOR))

    async def _server(
        self, name: str, start: Callable[[], Awaitable[None]], probe: Callable[[Environ], Awaitable[str | None]]
    ) -> None:
        if not settings.is_external(name, self.values):
            await start()
            return
        began, variable = time.monotonic(), SERVERS[name]
        await until_external_ready(variable, lambda: probe(self.values))
        self.report.ready(name, self.values[variable].rpartition("@")[2], "external", began)

    async def _postgres(self) -> None:
        began = time.monotonic()
        part = await asyncio.to_thread(postgres.part, self.home, self.values)
        await self._start(part, lambda: postgres.probe(self.values), began)

    async def _rabbitmq(self) -> None:
        mapper = rabbitmq.epmd_part(self.home, self.values)
        await self._start(mapper, lambda: rabbitmq.probe_epmd(self.values), time.monotonic(), quiet=True)
        part = rabbitmq.part(self.home, self.values)
        await self._start(part, lambda: rabbitmq.probe(self.values), time.monotonic())

    async def _object_store(self) -> None:
        part = object_store.part(self.home, self.values)
        await self._start(part, lambda: object_store.probe(self.values), time.monotonic())

    async def _service(self, service: Service) -> None:
        part = services.part(service, self.values)
        await self._start(part, lambda: services.probe(service, self.values), time.monotonic())

    async def _start(self, part: Part, probe: Probe, began: float, *, quiet: bool = False) -> None:
        started = await asyncio.to_thread(processes.ensure, self.home, part)
        await until_ready(self.home, part.name, probe)
        if not quiet:
            self.report.ready(part.name, part.address, "ready" if started else "was up", began)


def up(
    home: Home, given: Environ, report: Report, *, with_services: bool, usual_http_port: int | None = None
) -> dict[str, str]:
    """Starts what does not run yet and answers the environment in which it can be talked to.

    `given` may name servers to use instead of ours. What runs already stays; a failure leaves the rest running.
    """
    with home.locked():
        stored = settings.read(home.env_file)
        base = int(stored[settings.BASE_PORT]) if settings.BASE_PORT in stored else None
        occupied = any(processes.running(home, part) for part in PARTS)
        with ports.reserved(base, occupied_by_us=occupied) as chosen:
            gateway = processes.running(home, services.GATEWAY.name)
            port = settings.http_port(home, given, chosen, usual=usual_http_port, running=gateway)
            values = settings.settle(home, given, chosen, port)
            settings.write(home.env_file, values)
            values = asyncio.run(_bring_up(Stack(home, values, report), with_services=with_services))
            settings.write(home.env_file, values)
    return settings.public(values)


def down(home: Home) -> list[str]:
    """Ends everything `up` started: services in order, then the servers; answers what ran."""
    with home.locked():
        names = [service.name for service in SERVICES]
        ended = [name for name in names if processes.end(home, name)]
        ended += asyncio.run(_end_servers(home))
        values = settings.read(home.env_file)
        if object_store.NAME in ended and settings.BASE_PORT in values:
            object_store.forget_sockets(values)
    return ended


@contextmanager
def stack(
    home: Path, *, services: bool = True, given: Environ | None = None, silent: bool = True
) -> Generator[dict[str, str]]:
    """A stack that lives as long as the block, in a folder of its own; yields its environment.

    Unlike the command it looks at no environment variables, so that a test never lands on a developer's own servers:
    servers to use instead are named in `given`.
    """
    own = Home(home.resolve())
    try:
        yield up(own, given or {}, Report(silent=silent), with_services=services)
    finally:
        down(own)


async def _bring_up(work: Stack, *, with_services: bool) -> dict[str, str]:
    values = dict(work.values)
    await work.servers()
    if with_services:
        await work.services()
        if "QUIRE_API_KEY" not in values:
            values["QUIRE_API_KEY"] = await services.demo_key(work.home, values)
    return values


async def _end_servers(home: Home) -> list[str]:
    async def end(*names: str) -> list[str]:
        return [name for name in names if await asyncio.to_thread(processes.end, home, name)]

    # The broker leaves its port mapper before that may go.
    groups = await asyncio.gather(end(postgres.NAME), end(rabbitmq.NAME, rabbitmq.EPMD), end(object_store.NAME))
    return [name for group in groups for name in group]


async def _together(*work: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except* StackError as failures:
        raise StackError("\n".join(str(failure) for failure in failures.exceptions)) from failures
