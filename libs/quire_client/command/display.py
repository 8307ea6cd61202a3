"""Shows a batch while it runs: bars on a terminal, lines into a pipe, JSON lines for programs."""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from quire.batch.v1.batch_pb2 import Batch, Counters
from quire_client.command.messages import json_of
from quire_client.command.output import clock_time, printed, spelled, write_line
from quire_client.command.pace import Pace
from quire_client.statuses import batch_status_name, hold_reason_name, is_final

LINE_SECONDS = 1.0
BAR_WIDTH = 40

_COLOURS = {
    "succeeded": "green",
    "processing": "cyan",
    "queued": "blue",
    "retry_wait": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "magenta",
    "uploaded": "blue",
    "pending_upload": "bright_black",
}


class Display(Protocol):
    """Takes snapshots."""

    def show(self, batch: Batch) -> None:
        """Show the newest."""
        ...


def open_display(stream: TextIO, *, json: bool = False, quiet: bool = False) -> AbstractContextManager[Display]:
    """Choose how to show: JSON lines, nothing, live bars on a terminal, else lines."""
    if json:
        return _just(JsonLines())
    if quiet:
        return _just(Silence())
    return _bars(stream) if stream.isatty() else _just(Lines(stream))


@contextmanager
def _just(display: Display) -> Generator[Display]:
    yield display


@contextmanager
def _bars(stream: TextIO) -> Generator[Display]:
    with Live(console=Console(file=stream), refresh_per_second=4, transient=False) as live:
        yield Bars(live)


class Silence:
    """Shows nothing."""

    def show(self, batch: Batch) -> None:
        """Drop it."""


class JsonLines:
    """One JSON object a snapshot."""

    def show(self, batch: Batch) -> None:
        """Write it."""
        write_line(json_of(batch))


class Lines:
    """At most one line a second, and one for each status."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pace = Pace()
        self._written_at = float("-inf")
        self._status = -1

    def show(self, batch: Batch) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        self._pace.note(batch.counters.processed, now)
        if batch.status == self._status and now < self._written_at + LINE_SECONDS:
            return
        self._stream.write(f"{clock_time()} {progress_line(batch, self._pace)}\n")
        self._stream.flush()
        self._written_at, self._status = now, batch.status


class Bars:
    """A bar for the whole and one per status, drawn in place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._pace = Pace()

    def show(self, batch: Batch) -> None:
        """Draw it."""
        self._pace.note(batch.counters.processed, time.monotonic())
        self._live.update(bars(batch, self._pace), refresh=is_final(batch))


def progress_line(batch: Batch, pace: Pace) -> str:
    """One line that says where a batch is."""
    counters = batch.counters
    parts = [f"{batch_status_name(batch.status)} {counters.processed}/{counters.total}"]
    parts += [f"{count} {name}" for name, count in status_counts(counters) if count]
    return ", ".join([*parts, *_tempo(batch, pace)])


def status_counts(counters: Counters) -> list[tuple[str, int]]:
    """Documents by status, those that went well first."""
    return [(name, getattr(counters, name)) for name in _COLOURS]


def _tempo(batch: Batch, pace: Pace) -> list[str]:
    hold = hold_reason_name(batch.hold_reason)
    left = None if is_final(batch) else pace.seconds_left(batch)
    said = [f"{pace.rate:.1f}/s" if pace.rate else "", f"about {spelled(left)} left" if left is not None else ""]
    said += [f"held: {hold}" if hold else "", "stalled" if batch.stalled else ""]
    return [part for part in said if part]


def bars(batch: Batch, pace: Pace) -> RenderableType:
    """The picture of a batch."""
    grid = Table.grid(padding=(0, 1))
    total = batch.counters.total
    grid.add_row("done", _bar(batch.counters.processed, total, "bold white"), _share(batch.counters.processed, total))
    for name, count in status_counts(batch.counters):
        if count:
            grid.add_row(name.replace("_", " "), _bar(count, total, _COLOURS[name]), str(count))
    heading = Text.assemble((printed(batch.name) or batch.id, "bold"), "  ", batch_status_name(batch.status))
    return Group(heading, grid, Text(", ".join(_tempo(batch, pace)), style="dim"))


def _bar(count: int, total: int, colour: str) -> ProgressBar:
    return ProgressBar(total or 1, count, width=BAR_WIDTH, complete_style=colour, finished_style=colour)


def _share(count: int, total: int) -> str:
    return f"{count}/{total} ({count / (total or 1):.0%})"
