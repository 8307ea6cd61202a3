"""Signals to a part of a stack and to every process it made: servers put their children into groups of their own."""

import os
import signal
import time
from collections.abc import Iterable

from deploy.local import proc, processes
from deploy.local.home import Home
from deploy.local.proc import Process

PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.01


def end(home: Home, name: str, number: signal.Signals) -> None:
    """Send a signal that ends a part; returns when it and all its children are gone."""
    members = tree(_leader(home, name))
    _send(members[:1], number)
    if not _gone(home, name, members):
        _send(filter(_lives, members), signal.SIGKILL)
        assert _gone(home, name, members), f"{name} does not end"


def freeze(home: Home, name: str) -> None:
    """SIGSTOP a part, then its children, until there are no new ones."""
    leader, stopped = _leader(home, name), set[Process]()
    while fresh := [one for one in tree(leader) if one not in stopped]:
        _send(fresh, signal.SIGSTOP)
        stopped.update(fresh)


def thaw(home: Home, name: str) -> None:
    """SIGCONT all of it."""
    _send(tree(_leader(home, name)), signal.SIGCONT)


def tree(pid: int) -> list[Process]:
    """A process and all that descend from it, parents first."""
    living = proc.living()
    found = [one for one in living if one.pid == pid]
    for parent in found:
        found += [one for one in living if one.parent == parent.pid]
    return found


def _leader(home: Home, name: str) -> int:
    record = processes.recorded(home, name)
    assert record is not None, f"{name} was never started"
    assert record.running(), f"{name} does not run"
    return record.pid


def _send(members: Iterable[Process], number: signal.Signals) -> None:
    for one in members:
        if _lives(one):
            os.kill(one.pid, number)


def _lives(one: Process) -> bool:
    now = proc.process(one.pid)
    return now is not None and not now.dead and now.started == one.started


def _gone(home: Home, name: str, members: list[Process]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while processes.running(home, name) or any(map(_lives, members)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
