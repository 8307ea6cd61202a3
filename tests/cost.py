"""What a process spent: read from /proc, so that it is the process's own and not the machine's."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MEBIBYTE = 1024 * 1024
MEMORY_BYTES = 64 * MEBIBYTE
"""No bad input may cost the gateway or the batch service more,"""
CPU_SECONDS = 1.0
"""nor more of the processor."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Cost:
    """Of what happened meanwhile; known when it is over."""

    memory_bytes: int = 0
    """The peak above what was resident before."""
    cpu_seconds: float = 0.0
    """User and system time of all its threads."""


@contextmanager
def bounded(pid: int, what: str, inputs: int = 1) -> Generator[Cost]:
    """Fail if so many bad inputs cost a process more than they may; prints what they cost."""
    cost, resident, before = Cost(), _memory(pid, "VmRSS"), _cpu(pid)
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM begins anew
    yield cost
    cost.memory_bytes = _memory(pid, "VmHWM") - resident
    cost.cpu_seconds = _cpu(pid) - before
    tell(f"{what}: {cost.memory_bytes / MEBIBYTE:.1f} MiB, {cost.cpu_seconds / inputs:.3f} s of CPU each")
    assert cost.memory_bytes < MEMORY_BYTES, what
    assert cost.cpu_seconds < CPU_SECONDS * inputs, what


def tell(figures: str) -> None:
    """Print figures that are measured and not judged; `pytest -s` shows them."""
    print(figures)  # noqa: T201


def spread(timings: Sequence[tuple[object, float]]) -> str:
    """Median and worst of what was timed in seconds."""
    found = [1000 * seconds for _, seconds in timings]
    return f"{median(found):.1f} ms in the middle, {max(found):.0f} ms at most"


def _memory(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
