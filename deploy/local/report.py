"""What the person at the shell sees: a line for each part as it gets ready, and the table of `status`."""

import sys
import time
from dataclasses import dataclass, field

from deploy.local import processes
from deploy.local.home import Home
from deploy.local.settings import SERVERS, Environ, is_external

PARTS = ("postgres", "epmd", "rabbitmq", "object-store", "batch", "gateway", "extractor")
GREEN, DIM, PLAIN = "\033[32m", "\033[2m", "\033[0m"


@dataclass
class Report:
    """Prints progress; silent for tests."""

    silent: bool = False
    began: float = field(default_factory=time.monotonic)

    def ready(self, part: str, address: str, what: str, since: float) -> None:
        """One line for a part that answers now."""
        elapsed = f"{time.monotonic() - since:5.1f} s"
        self.say(f"  {_paint('✓', GREEN)} {part:<13} {what:<10} {_paint(elapsed, DIM)}  {address}".rstrip())

    def say(self, line: str) -> None:
        """One line."""
        if not self.silent:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    def total(self) -> str:
        """Seconds since the beginning."""
        return f"{time.monotonic() - self.began:.1f} s"


def table(home: Home, values: Environ) -> list[str]:
    """Part, state, pid and address of everything this stack knows of."""
    rows = [("PART", "STATE", "PID", "ADDRESS"), *(_row(home, part, values) for part in PARTS)]
    return [f"{part:<13} {state:<9} {pid:>8}  {address}".rstrip() for part, state, pid, address in rows]


def _row(home: Home, part: str, values: Environ) -> tuple[str, str, str, str]:
    if values and part in SERVERS and is_external(part, values):
        return part, "external", "", values[SERVERS[part]].rpartition("@")[2]
    record = processes.recorded(home, part)
    if record is None:
        return part, "down", "", ""
    state, pid = ("up", str(record.pid)) if record.running() else ("died", "")
    return part, state, pid, record.address


def _paint(text: str, colour: str) -> str:
    return f"{colour}{text}{PLAIN}" if sys.stdout.isatty() else text
