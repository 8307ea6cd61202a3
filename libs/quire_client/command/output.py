"""What the commands write: tables for people, tab-separated lines for pipes, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text


def write_document(content: Any) -> None:
    """Write one indented JSON document."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def write_line(content: Any) -> None:
    """Write one JSON line, at once."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_text(text: str) -> None:
    """Write a line for people."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line beside the output, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def write_table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows: a table on a terminal, tab-separated lines into a pipe."""
    printable = ([printed(cell) for cell in row] for row in rows)
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in (heading, *printable))
        return
    table = Table(*heading, header_style="bold", box=None, pad_edge=False)
    for row in printable:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def printed(cell: object) -> str:
    """A cell as text without control characters, which could rewrite the terminal."""
    return "".join(char if char.isprintable() else " " for char in str(cell))


def counted(number: int, noun: str) -> str:
    """`1 document`, `2 documents`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def local_time(moment: Timestamp) -> str:
    """A time for people, in their zone; empty when unset."""
    if not moment.seconds:
        return ""
    return moment.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clock_time() -> str:
    """Now, for people."""
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def spelled(seconds: float) -> str:
    """A duration for people: `45s`, `3m 20s`, `2h 05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def sized(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
