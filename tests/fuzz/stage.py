"""What the fuzzers attack: one running Quire, and how to see that it came to no harm."""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from deploy.local import processes
from tests import audit
from tests.chaos.loop_thread import LoopThread
from tests.e2e.running_quire import Quire
from tests.integration.batch.database import Database
from tests.integration.batch.tenants import Door

SERVICES = ("batch", "gateway", "extractor")


@dataclass(frozen=True)
class Stage:
    """The processes, and a loop for the calls to them: hypothesis itself runs in none."""

    quire: Quire
    loop: LoopThread
    door: Door

    @contextmanager
    def unharmed(self) -> Generator[None]:
        """Attack within; afterwards the same processes run, none of them told of an incident, and the books balance."""
        before, told = self._pids(), len(self.incidents())
        yield
        assert self.incidents()[told:] == []
        assert self._pids() == before
        assert self.loop.run(self.violations()) == []

    def incidents(self) -> list[str]:
        """Lines of the logs that tell of a fault of ours."""
        lines = [line for name in SERVICES for line in self.quire.home.log(name).read_text().splitlines()]
        return [line for line in lines if _is_incident(line)]

    async def violations(self) -> list[object]:
        """What does not hold in the database."""
        async with self.database() as database:
            return list(await audit.violations(database))

    @asynccontextmanager
    async def database(self) -> AsyncGenerator[Database]:
        database = await Database.connect(self.quire.env["QUIRE_DATABASE_OWNER_URL"])
        try:
            yield database
        finally:
            await database.close()

    def _pids(self) -> dict[str, int]:
        return {name: self.quire.pid(name) for name in SERVICES if processes.running(self.quire.home, name)}


def _is_incident(line: str) -> bool:
    if not line.startswith("{"):
        return False
    told = json.loads(line)
    return told["level"] in ("error", "critical") or "exception" in told
