"""What the demo shows, as things rich can print."""

import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from quire.batch.v1.batch_pb2 import Batch
from quire_client import Result, batch_status_name
from samples.score import Miss, Score, Truth, judge

_STATES = ("queued", "processing", "retry_wait", "succeeded", "failed", "cancelled", "expired")
_LEAST_WIDTH = 120
_NEVER_CUT = 15
"""Columns with no longer cell than this keep their width: dates, numbers, codes."""
_MARKS = {"right": ("✓", "green"), "missed": ("–", "yellow"), "wrong": ("✗", "red"), "invented": ("✗", "red")}


def open_console() -> Console:
    """The terminal as wide as it is; anything else, which has no width, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=max(_LEAST_WIDTH, console.width))


class Live:
    """Two bars: what is uploaded, and what is done with it."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._upload = self._bars.add_task("uploading", total=None, note="")
        self._work = self._bars.add_task("extracting", total=None, note="", start=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def uploaded(self, done: int, total: int) -> None:
        """So many files are with the server."""
        self._bars.update(self._upload, completed=done, total=total)

    def snapshot(self, batch: Batch) -> None:
        """The batch as it stands."""
        self._bars.start_task(self._work)
        counters = batch.counters
        note = f"{batch_status_name(batch.status)}  {_states(batch)}"
        self._bars.update(self._work, completed=counters.processed, total=counters.total, note=note)


def fields_of(results: Sequence[Result], truth: Truth) -> RenderableType:
    """A line for each document: every value, marked where the document does not bear it out or the truth differs."""
    names = list(dict.fromkeys(name for result in results for name in result.values))
    rows = [_row(result, names, truth) for result in sorted(results, key=lambda one: one.name)]
    headings = ["document", *(name.replace("_", " ") for name in names)]
    table = Table(
        title="Extracted fields",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for position, heading in enumerate(headings):
        longest = max((len(row[position]) for row in rows), default=0)
        table.add_column(heading, no_wrap=longest <= _NEVER_CUT)
    for row in rows:
        table.add_row(*row)
    return table


def counters_of(batch: Batch) -> RenderableType:
    """The final status and the numbers behind it."""
    counters = batch.counters
    style = "green" if counters.succeeded == counters.total else "yellow"
    line = Text.assemble(
        (batch_status_name(batch.status), f"bold {style}"),
        f"  {counters.total} documents: {_states(batch)}; {counters.pages} pages, {counters.bytes / 1024:.0f} KiB, ",
        f"{counters.input_tokens + counters.output_tokens} tokens, cost ${counters.cost_micros / 1e6:.4f}",
    )
    return Text("\n") + line + Text("\n")


def errors_of(batch: Batch, results: Iterable[Result]) -> RenderableType:
    """Errors by code: how many, which documents, who must act and how."""
    names: dict[str, list[str]] = {}
    for result in results:
        if result.error is not None:
            names.setdefault(result.error.code, []).append(result.name)
    table = Table(title="Errors by code", title_justify="left", header_style="bold")
    for heading in ("code", "count", "documents", "who acts", "what to do"):
        table.add_column(heading, overflow="fold")
    for group in batch.errors:
        documents = ", ".join(names.get(group.code, ()))
        table.add_row(Text(group.code, "red"), str(group.count), documents, group.actor, group.remedy)
    return table


def score_of(result: Score, seconds: float) -> RenderableType:
    """How much of the ground truth came out right."""
    figures = (
        f"\n{result.right} of {result.fields} ground-truth fields right ({result.share:.1%}), "
        f"recall {result.recall:.1%}, precision {result.precision:.1%}\n"
        f"{seconds:.1f} s from the first byte to the last result"
    )
    return Text("\n".join([figures, *map(_told, result.misses)]))


def addresses_of(batch_id: str) -> Text:
    """Where to go on from here; to be printed with `soft_wrap`, since an address in two pieces is none."""
    http = os.environ.get("QUIRE_GATEWAY_HTTP_LISTEN", "")
    known = [
        ("HTTP API", f"http://{http}/v1/batches/{batch_id}" if http else ""),
        ("gRPC batch service", os.environ.get("QUIRE_ENDPOINT", "")),
        ("gRPC uploads", os.environ.get("QUIRE_UPLOAD_ENDPOINT", "")),
        ("at a shell", f"quire show {batch_id}"),
    ]
    lines = [Text.assemble((f"{label:<20}", "bold"), value) for label, value in known if value]
    return Text("\n") + Text("\n").join(lines)


def _row(result: Result, names: Sequence[str], truth: Truth) -> list[Text]:
    expected = truth["documents"].get(result.name, {}).get("fields", {})
    return [
        Text(result.name, "cyan", no_wrap=True, overflow="ellipsis"),
        *(_cell(result, name, expected) for name in names),
    ]


def _cell(result: Result, name: str, expected: dict[str, Any]) -> Text:
    value = result.values.get(name)
    mark, style = _MARKS[judge(expected[name], value)] if name in expected else ("", "")
    doubt = "not in the text: " if f"/{name}" in result.ungrounded else ""
    shade = "dim" if value is None else ""
    parts = ((mark, style), " " if mark else "", (doubt, "bold red"), (_words(value), shade))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _words(value: Any) -> str:
    match value:
        case None:
            return "not stated"
        case bool():
            return str(value)
        case int() | float():
            return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
        case _:
            return str(value)


def _told(miss: Miss) -> str:
    return f"  {miss.verdict}: {miss.document}, {miss.field}: expected {miss.expected!r}, got {miss.found!r}"


def _states(batch: Batch) -> str:
    counts = ((state, getattr(batch.counters, state)) for state in _STATES)
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts if count)
