"""Shows an upload: one bar on a terminal, a line now and then into a pipe."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from quire_client.command.output import clock_time, sized
from quire_client.submission import Progress

LINE_SECONDS = 2.0

OnProgress = Callable[[Progress], None]


@contextmanager
def open_sending(stream: TextIO, *, quiet: bool) -> Generator[OnProgress | None]:
    """Choose how to show it."""
    if quiet:
        yield None
    elif stream.isatty():
        with _bar(stream) as on_progress:
            yield on_progress
    else:
        yield Lines(stream).show


@contextmanager
def _bar(stream: TextIO) -> Generator[OnProgress]:
    counts = TextColumn("{task.fields[counts]}")
    columns = (counts, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("", counts="")
        yield lambda progress: bar.update(
            task, completed=progress.bytes_sent, total=progress.bytes or 1, counts=_counts(progress)
        )


class Lines:
    """A line every other second, and one at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written_at = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        if progress.uploaded < progress.files and now < self._written_at + LINE_SECONDS:
            return
        sent = f"{sized(progress.bytes_sent)} of {sized(progress.bytes)}"
        self._stream.write(f"{clock_time()} {_counts(progress)}, {sent}\n")
        self._stream.flush()
        self._written_at = now


def _counts(progress: Progress) -> str:
    return f"uploaded {progress.uploaded} of {progress.files} documents"
