"""Starts parts as detached processes, remembers them by pid and birth, and ends exactly those."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import proc
from deploy.local.failures import StackError
from deploy.local.home import Home

POLL_SECONDS = 0.05
KILL_SECONDS = 10.0

# Popen objects of this very process: they must be polled, or a part that died stays a zombie under a long-lived parent.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Part:
    """A process to run: how to start it, and how to ask it to end."""

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    address: str
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 20.0

    @property
    def fingerprint(self) -> str:
        """Changes when the part would be started differently, so that `up` knows to start it anew."""
        ours = sorted((key, value) for key, value in self.environ.items() if key.startswith(("QUIRE_", "OPENAI_")))
        return hashlib.sha256(repr((self.argv, ours)).encode()).hexdigest()


@dataclass(frozen=True)
class Record:
    """What is written down of a started part: enough to find and end it later, from another process."""

    pid: int
    started: int
    boot: str
    fingerprint: str
    address: str
    stop_signal: int
    grace_seconds: float

    def running(self) -> bool:
        """Whether the very process that was started is still there."""
        child = _children.get(self.pid)
        if child is not None and child.poll() is not None:
            return False
        now = proc.process(self.pid)
        return now is not None and not now.dead and now.started == self.started and self.boot == proc.boot_id()

    def survivors(self) -> list[proc.Process]:
        """What still runs in the session the part was started in, its leader dead or not.

        The kernel gives no new process a number that still names a session, so these can only be ours, unless the
        leader's number was taken by a stranger after all of ours were gone: the start time tells.
        """
        leader = proc.process(self.pid)
        if self.boot != proc.boot_id() or (leader is not None and leader.started != self.started):
            return []
        return [one for one in proc.living() if one.session == self.pid and one.started >= self.started]


def recorded(home: Home, name: str) -> Record | None:
    """The record of a part, or None when it was never started or has been ended."""
    try:
        fields: dict[str, Any] = json.loads(home.record(name).read_text())
    except FileNotFoundError:
        return None
    return Record(**fields)


def write(home: Home, name: str, record: Record) -> None:
    """Remembers who runs a part."""
    home.record(name).write_text(json.dumps(asdict(record)))


def running(home: Home, name: str) -> bool:
    """Whether a part runs now."""
    record = recorded(home, name)
    return record is not None and record.running()


def ensure(home: Home, part: Part) -> bool:
    """Starts a part unless it already runs just so; answers whether it had to."""
    record = recorded(home, part.name)
    if record is not None and record.running() and record.fingerprint == part.fingerprint:
        return False
    end(home, part.name)
    _start(home, part)
    return True


def end(home: Home, name: str) -> bool:
    """Ends a part and all it left behind: asks first, kills what stays. Answers whether anything ran."""
    record = recorded(home, name)
    if record is None:
        return False
    ran = record.running()
    if ran:
        _signal(record.pid, record.stop_signal)
        _wait_until_gone(record, record.grace_seconds)
    ran = _kill_survivors(record) or ran
    _collect(record.pid)
    home.record(name).unlink()
    return ran


def _start(home: Home, part: Part) -> None:
    with home.fresh_log(part.name).open("wb") as log:
        child = subprocess.Popen(  # noqa: S603 - the command line is built by this package
            part.argv,
            env=dict(part.environ),
            cwd=part.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    born = proc.process(child.pid)
    record = Record(
        pid=child.pid,
        started=born.started if born is not None else -1,
        boot=proc.boot_id(),
        fingerprint=part.fingerprint,
        address=part.address,
        stop_signal=part.stop_signal,
        grace_seconds=part.grace_seconds,
    )
    write(home, part.name, record)


def _wait_until_gone(record: Record, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while record.running() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _kill_survivors(record: Record) -> bool:
    deadline = time.monotonic() + KILL_SECONDS
    survivors = found = record.survivors()
    while survivors and time.monotonic() < deadline:
        for one in survivors:
            _signal(one.pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
        survivors = record.survivors()
    return bool(found)


def _collect(pid: int) -> None:
    child = _children.pop(pid, None)
    if child is not None:
        child.wait(KILL_SECONDS)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise StackError(f"process {pid} belongs to another user: end the stack as the user who started it") from error
