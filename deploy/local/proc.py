"""Reads /proc: who a pid really is, so that a recycled pid is never taken for one of ours."""

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One line of /proc/PID/stat. `started` counts clock ticks since boot and never changes, not even by exec."""

    pid: int
    dead: bool
    parent: int
    session: int
    started: int


def boot_id() -> str:
    """Pids and start ticks only mean something within one boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def process(pid: int) -> Process | None:
    """What runs under this pid, or None. A zombie, which its parent has yet to collect, is dead."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in brackets and may itself hold blanks and brackets.
    state, parent, _group, session, *rest = stat.rpartition(")")[2].split()
    return Process(pid, state in "ZX", int(parent), int(session), int(rest[15]))


def living() -> list[Process]:
    """Every process of this machine that is not dead."""
    found = (process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [one for one in found if one is not None and not one.dead]
