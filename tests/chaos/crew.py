"""The processes of Quire on the stage: started, broken on purpose, and started again as Kubernetes would."""

import asyncio
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.records import moment

LOOK_SECONDS = 0.05
BACKOFF_SECONDS = 0.2
END_SECONDS = 40.0


@dataclass(frozen=True)
class Exit:
    """A process that ended."""

    name: str
    status: int
    at: float
    """Moment at which the supervisor saw it."""
    asked: bool
    """Whether the stage had told it to end, or killed it."""


@dataclass
class Member:
    """One replica; its log goes on over restarts."""

    name: str
    service: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    leave: bool = False
    """Whether it is to stay down for now."""
    asked: bool = False
    started_at: float = 0.0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=dict(self.environ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.asked, self.started_at = False, moment()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended hears nothing."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Crew:
    """All members; restarts whatever ends, until it is told to go home."""

    members: dict[str, Member] = field(default_factory=dict[str, Member])
    exits: list[Exit] = field(default_factory=list[Exit])

    def add(self, member: Member) -> None:
        self.members[member.name] = member
        member.start()

    def of(self, service: str) -> list[Member]:
        return [one for one in self.members.values() if one.service == service]

    async def supervise(self) -> None:
        """Look after everybody for ever."""
        while True:
            for member in self.members.values():
                self._look_after(member)
            await asyncio.sleep(LOOK_SECONDS)

    def _look_after(self, member: Member) -> None:
        if member.running:
            return
        if member.process is not None:
            self.exits.append(Exit(member.name, member.process.returncode, moment(), member.asked))
            member.process = None
        if not member.leave and moment() - member.started_at > BACKOFF_SECONDS:
            member.start()

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self.members[name].asked = True
        self.members[name].send(signal.SIGKILL)

    def terminate(self, name: str) -> None:
        """SIGTERM: it drains, ends and is started again."""
        self.members[name].asked = True
        self.members[name].send(signal.SIGTERM)

    def freeze(self, name: str) -> None:
        self.members[name].send(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self.members[name].send(signal.SIGCONT)

    async def go_home(self) -> None:
        """End everybody, workers first; called once nobody supervises any more."""
        for service in ("extractor", "gateway", "batch"):
            for member in self.of(service):
                member.send(signal.SIGCONT)
                member.send(signal.SIGTERM)
            for member in self.of(service):
                await asyncio.to_thread(_end, member)


def _end(member: Member) -> None:
    process = member.process
    if process is None:
        return
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_SECONDS)
