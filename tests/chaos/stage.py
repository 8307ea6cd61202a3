"""The stage of a chaos run: a whole Quire in replicas, each of whose links to a server can be broken by itself.

```
clients ─┬─ batch-1, batch-2 ──┬─ postgres, rabbitmq, object store
         └─ gateway-1 ─────────┤
            extractor-1, -2 ───┴─ rabbitmq, object store, batch-1, batch-2, model
```
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local import services, settings
from deploy.local.home import REPOSITORY, Home
from deploy.local.stack import stack
from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE
from quire_client.admin import AdminClient
from tests import audit
from tests.chaos.crew import Crew, Member
from tests.chaos.links import Link, Links
from tests.chaos.model import ScriptedModel
from tests.chaos.records import Records
from tests.chaos.servers import Servers
from tests.chaos.store_link import StoreLink
from tests.chaos.subscriber import Subscriber
from tests.integration.batch.database import Database
from tests.waiting import until

LEASE_SECONDS = 8.0
# As in production three beats fit into a lease; shorter, so that a thousand faults fit into an hour.
PACE: Mapping[str, str] = {
    "QUIRE_LEASE_SECONDS": f"{LEASE_SECONDS}",
    "QUIRE_BEAT_SECONDS": "2",
    "QUIRE_UNCLAIMED_SECONDS": "3",
    "QUIRE_MODEL_DEADLINE_SECONDS": "10",
    "QUIRE_JOB_DEADLINE_SECONDS": "40",
    "QUIRE_EXTRACTOR_SLOTS": "8",
    "QUIRE_PARSER_CHILDREN": "1",
    "QUIRE_ENV": "test",
}
SERVING_SECONDS = 60.0


Launcher = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""Service and usual command line in, command line out: how a test plants something in a process."""


def usually(_: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Start it as it is."""
    return usual


@dataclass(frozen=True)
class Size:
    """How many replicas of each service."""

    batch: int = 2
    gateway: int = 1
    extractor: int = 2


@dataclass(frozen=True)
class Tenant:
    """A tenant with a key."""

    name: str
    id: str
    key: str


@dataclass
class Stage:
    """All that a fault or a client can lay hands on."""

    home: Home
    env: Mapping[str, str]
    links: Links
    model: ScriptedModel
    servers: Servers
    records: Records
    pace: Mapping[str, str]
    crew: Crew = field(default_factory=Crew)
    wires: dict[str, Link] = field(default_factory=dict[str, Link])
    """By `<member>><server>`."""
    batch: list[str] = field(default_factory=list[str])
    """Addresses of the replicas of the batch service."""
    uploads: list[str] = field(default_factory=list[str])
    http: list[str] = field(default_factory=list[str])
    launcher: Launcher = usually
    subscriber: Subscriber = field(init=False)

    def __post_init__(self) -> None:
        self.subscriber = Subscriber(self.env["QUIRE_AMQP_URL"], self.records.subscriber)

    @property
    def failpoint(self) -> Path:
        """The file that arms a failpoint in whatever process gets there."""
        return self.home.root / "failpoint"

    @property
    def endpoint(self) -> str:
        """Where clients reach the batch service, round all its replicas."""
        return _any_of(self.batch)

    def wires_to(self, server: str) -> list[Link]:
        return [link for name, link in sorted(self.wires.items()) if name.endswith(f">{server}")]

    async def tenant(self, name: str) -> Tenant:
        """A new tenant of the largest tier."""
        async with AdminClient(self.endpoint, self.env["QUIRE_ADMIN_TOKEN"], retry_for=60) as admin:
            made = await admin.create_tenant(name, TIER_ENTERPRISE)
            key = await admin.create_api_key(made.id, "chaos")
            return Tenant(name, made.id, key.secret)

    async def owner(self) -> Database:
        """A connection nothing breaks but the database itself."""
        return await Database.connect(self.env["QUIRE_DATABASE_OWNER_URL"])

    def enter(self, size: Size) -> None:
        """Start everybody."""
        self.batch = [_free_address() for _ in range(size.batch)]
        for number, address in enumerate(self.batch, 1):
            self._start(f"batch-{number}", "batch", {"QUIRE_BATCH_LISTEN": address})
        for number in range(1, size.gateway + 1):
            grpc, http = _free_address(), _free_address()
            self.uploads.append(grpc)
            self.http.append(f"http://{http}")
            listen = {"QUIRE_GATEWAY_GRPC_LISTEN": grpc, "QUIRE_GATEWAY_HTTP_LISTEN": http}
            self._start(f"gateway-{number}", "gateway", listen)
        for number in range(1, size.extractor + 1):
            self._start(f"extractor-{number}", "extractor", {"QUIRE_EXTRACTOR_LISTEN": _free_address()})

    def _start(self, name: str, service: str, listen: Mapping[str, str]) -> None:
        values = {
            **self.env,
            **self.pace,
            "QUIRE_FAILPOINT_FILE": str(self.failpoint),
            **listen,
            **self._wired(name, service),
        }
        part = services.part(_SERVICES[service], values)
        argv = self.launcher(service, part.argv)
        environ = {**part.environ, "PYTHONPATH": os.pathsep.join((".", "services", "libs"))}
        log = self.home.root / "logs" / f"{name}.log"
        self.crew.add(Member(name, service, argv, environ, REPOSITORY, log))

    def _wired(self, name: str, service: str) -> dict[str, str]:
        """The addresses of its own wires to everything this service speaks to."""
        values = {"QUIRE_S3_ENDPOINT": f"http://127.0.0.1:{self._wire(name, 'object-store')}"}
        if service != "gateway":
            values["QUIRE_AMQP_URL"] = _through(self.env["QUIRE_AMQP_URL"], self._wire(name, "rabbitmq"))
        if service == "batch":
            port = self._wire(name, "postgres")
            urls = ("QUIRE_DATABASE_API_URL", "QUIRE_DATABASE_ENGINE_URL")
            return values | {url: _through(self.env[url], port) for url in urls}
        ports = [self._wire(name, f"batch-{number}", address) for number, address in enumerate(self.batch, 1)]
        values["QUIRE_BATCH_ADDRESS"] = _any_of([f"127.0.0.1:{port}" for port in ports])
        if service == "extractor":
            values |= self.model.environ_through(self._wire(name, "model", f"127.0.0.1:{self.model.port}"))
        return values

    def _wire(self, member: str, server: str, address: str = "") -> int:
        upstream = int((address or self._address_of(server)).rpartition(":")[2])
        name = f"{member}>{server}"
        self.wires[name] = self.links.add(name, upstream, StoreLink if server == "object-store" else Link)
        return self.wires[name].port

    def _address_of(self, server: str) -> str:
        url = {
            "postgres": "QUIRE_DATABASE_OWNER_URL",
            "rabbitmq": "QUIRE_AMQP_URL",
            "object-store": "QUIRE_S3_ENDPOINT",
        }
        return f"{urlsplit(self.env[url[server]]).port}"

    async def serving(self) -> None:
        """Return once every member says SERVING."""
        for member in self.crew.members.values():
            await until(partial(_serves, member), SERVING_SECONDS)


async def _serves(member: Member) -> bool:
    return await services.probe(_SERVICES[member.service], member.environ) is None


_SERVICES = {one.name: one for one in (services.BATCH, services.GATEWAY, services.EXTRACTOR)}


def _any_of(addresses: list[str]) -> str:
    return f"ipv4:{','.join(addresses)}" if len(addresses) > 1 else addresses[0]


def _through(url: str, port: int) -> str:
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def stage(
    folder: Path, records: Records, size: Size, *, pace: Mapping[str, str] = PACE, launcher: Launcher = usually
) -> AsyncGenerator[Stage]:
    """A stage that stands as long as the block; everything it wrote stays in the folder."""
    home = Home(await asyncio.to_thread(folder.resolve))
    async with AsyncExitStack() as standing:
        servers = stack(home.root, services=False)
        env = await asyncio.to_thread(servers.__enter__)
        standing.push_async_callback(asyncio.to_thread, servers.__exit__, None, None, None)
        links, model = Links(), ScriptedModel(records.model)
        standing.callback(model.close)
        standing.callback(links.close)
        set_up = Stage(home, env, links, model, Servers(home), records, {**PACE, **pace}, launcher=launcher)
        await services.migrate(home, settings.read(home.env_file))
        owner = await set_up.owner()
        await owner.execute(audit.INSTALL)
        await owner.close()
        set_up.enter(size)
        async with _going_on(set_up):
            yield set_up


@asynccontextmanager
async def _going_on(set_up: Stage) -> AsyncGenerator[None]:
    """What is done beside a run; afterwards the services go home."""
    going_on = [
        asyncio.create_task(set_up.crew.supervise(), name="crew"),
        asyncio.create_task(set_up.subscriber.read(), name="subscriber"),
    ]
    try:
        await set_up.serving()
        yield
    finally:
        for one in going_on:
            one.cancel()
        await asyncio.wait(going_on)
        set_up.model.honest()
        await set_up.crew.go_home()
