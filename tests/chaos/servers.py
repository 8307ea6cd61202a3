"""What can happen to the servers of a stack: PostgreSQL, RabbitMQ and the object store."""

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Callable

from deploy.local import object_store, postgres, processes, rabbitmq, settings
from deploy.local.home import Home
from deploy.local.processes import Part
from deploy.local.readiness import Probe, until_ready
from deploy.local.settings import Environ
from tests.chaos import broker, database, signals
from tests.chaos.records import moment

ANSWER_SECONDS = 90.0
POLL_SECONDS = 0.05
NO_ROOM, USUAL_ROOM = "1000GB", "50MB"


class Servers:
    """Speaks to the servers' own ports, whatever links the services go through."""

    def __init__(self, home: Home) -> None:
        stored = settings.read(home.env_file)
        self._home = home
        self._values = settings.settle(home, {}, int(stored[settings.BASE_PORT]), 0)

    async def start_all(self) -> None:
        """Start whatever does not run, and wait until it answers."""
        await asyncio.gather(self.start_database(), self.start_broker(), self.start_store())

    async def kill_broker(self) -> None:
        """SIGKILL it."""
        await self._kill(rabbitmq.NAME)

    async def start_broker(self) -> None:
        """Start it unless it runs, and wait until it shakes hands."""
        await self._start(rabbitmq.EPMD, rabbitmq.epmd_part, lambda: rabbitmq.probe_epmd(self._values))
        await self._start(rabbitmq.NAME, rabbitmq.part, lambda: rabbitmq.probe(self._values))

    async def restart_broker_app(self) -> None:
        """Stop and start the broker within its node, as an operator does for maintenance."""
        await self._control("stop_app")
        await self._control("start_app")
        await self.broker_answers()

    async def wipe_broker(self) -> None:
        """Kill it, remove all it ever stored, and start it: it makes its user anew and knows no queue."""
        await self.kill_broker()
        await asyncio.to_thread(shutil.rmtree, self._home.data(rabbitmq.NAME) / "mnesia")
        await self.start_broker()

    async def broker_alarm(self, on: bool) -> None:
        """Let it think that its disk is full: it blocks whoever publishes."""
        await self._control("set_disk_free_limit", NO_ROOM if on else USUAL_ROOM)

    async def delete_queue(self, name: str) -> None:
        """As an operator by mistake; consumers are told."""
        await broker.delete_queue(self._values["QUIRE_AMQP_URL"], name)

    async def delete_exchange(self, name: str) -> None:
        """As an operator by mistake; its bindings go with it."""
        await broker.delete_exchange(self._values["QUIRE_AMQP_URL"], name)

    async def unbind(self, queue: str, exchange: str, binding: str) -> None:
        """As an operator by mistake: the queue is there, and nothing reaches it."""
        await broker.unbind(self._values["QUIRE_AMQP_URL"], queue, exchange, binding)

    async def kill_database(self) -> None:
        """SIGKILL its first process and wait until the others are gone as well."""
        await self._kill(postgres.NAME)

    async def start_database(self) -> None:
        """Start it unless it runs, and wait until it answers; what was in its log is recovered first."""
        await self._start(postgres.NAME, postgres.part, lambda: postgres.probe(self._values))

    async def restart_database_immediate(self) -> None:
        """End it without a checkpoint, and start it."""
        await asyncio.to_thread(signals.end, self._home, postgres.NAME, signal.SIGQUIT)
        await self.start_database()

    async def kill_backend(self, rng: random.Random) -> int:
        """SIGKILL the process behind one session, upon which the server drops all of them; 0 when there was none."""
        return await database.kill_backend(self._values["QUIRE_DATABASE_OWNER_URL"], rng)

    async def kill_store(self) -> None:
        """SIGKILL it."""
        await self._kill(object_store.NAME)

    async def start_store(self) -> None:
        """Start it unless it runs, and wait until it takes an object."""
        await self._start(object_store.NAME, object_store.part, lambda: object_store.probe(self._values))

    async def freeze(self, name: str) -> None:
        """SIGSTOP a part and all its children."""
        await asyncio.to_thread(signals.freeze, self._home, name)

    async def thaw(self, name: str) -> None:
        """SIGCONT them."""
        await asyncio.to_thread(signals.thaw, self._home, name)

    async def broker_answers(self, seconds: float = ANSWER_SECONDS) -> float:
        """Wait until it confirms a message; the moment it did."""
        return await _until(self._broker_probe, seconds)

    async def database_answers(self, seconds: float = ANSWER_SECONDS) -> float:
        """Wait until it answers a query; the moment it did."""
        return await _until(lambda: postgres.probe_external(self._values), seconds)

    async def store_answers(self, seconds: float = ANSWER_SECONDS) -> float:
        """Wait until it takes an object; the moment it did."""
        return await _until(lambda: object_store.probe(self._values), seconds)

    async def _broker_probe(self) -> str | None:
        # The AMQP client leaves debris when nothing listens, so something simpler goes ahead.
        return await rabbitmq.probe(self._values) or await broker.probe(self._values["QUIRE_AMQP_URL"])

    async def _start(self, name: str, part: Callable[[Home, Environ], Part], probe: Probe) -> None:
        await asyncio.to_thread(self._ensure, name, part)
        await until_ready(self._home, name, probe)

    def _ensure(self, name: str, part: Callable[[Home, Environ], Part]) -> None:
        # Describing a part may write its configuration, which is left alone while it runs.
        if not processes.running(self._home, name):
            processes.ensure(self._home, part(self._home, self._values))

    async def _kill(self, name: str) -> None:
        await asyncio.to_thread(signals.end, self._home, name, signal.SIGKILL)

    async def _control(self, *words: str) -> None:
        await broker.control(rabbitmq.tool("rabbitmqctl"), rabbitmq.environ(self._home, self._values), *words)


async def _until(probe: Probe, seconds: float) -> float:
    deadline = time.monotonic() + seconds
    while (reason := await probe()) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer in {seconds:.0f} s: {reason}")
        await asyncio.sleep(POLL_SECONDS)
    return moment()
