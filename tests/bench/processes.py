"""What processes cost, read from /proc: CPU seconds and resident memory of a process with all its children."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Line:
    """What is needed of /proc/PID/stat."""

    parent: int
    own: int
    """Clock ticks it spent itself."""
    ended: int
    """Clock ticks its children spent that have ended."""


def children_of(pid: int) -> list[int]:
    """All descendants that live."""
    parents = {number: line.parent for number, line in _table().items()}
    found, new = list[int](), {pid}
    while new := {number for number, parent in parents.items() if parent in new}:
        found += new
    return found


def cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU time of a process, and of all it ever started."""
    table = _table()
    below = sum(table[one].own + table[one].ended for one in children_of(pid) if one in table)
    return table[pid].own / TICKS_PER_SECOND, (table[pid].ended + below) / TICKS_PER_SECOND


def resident_mib(pid: int) -> float:
    """Resident memory of one process."""
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


@dataclass(slots=True)
class Peaks:
    """The most memory each process was seen with."""

    mib: dict[int, float] = field(default_factory=dict[int, float])

    def look(self, pid: int) -> None:
        """Look at a process and its children once."""
        for one in (pid, *children_of(pid)):
            try:
                self.mib[one] = max(self.mib.get(one, 0.0), resident_mib(one))
            except (FileNotFoundError, ProcessLookupError):
                continue


@asynccontextmanager
async def watched_memory(pid: int) -> AsyncGenerator[Peaks]:
    """Look at a process and its children again and again for as long as the block lasts."""
    peaks = Peaks()

    async def look() -> None:
        while True:
            peaks.look(pid)
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield peaks
    finally:
        looking.cancel()
        peaks.look(pid)


def spent(before: Mapping[str, float], after: Mapping[str, float], things: int) -> dict[str, float]:
    """CPU milliseconds for each thing done between two readings, by name."""
    return {name: 1000 * (after[name] - before[name]) / things for name in before}


def _table() -> dict[int, _Line]:
    numbers = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return {number: line for number in numbers if (line := _line(number)) is not None}


def _line(pid: int) -> _Line | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in brackets and may itself hold blanks and brackets; the third is the state.
    fields = stat.rpartition(")")[2].split()
    own, ended = (sum(int(ticks) for ticks in fields[at : at + 2]) for at in (11, 13))
    return _Line(int(fields[1]), own, ended)
