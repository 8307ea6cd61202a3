"""`quire results`: what was extracted, on the screen or as a file."""

import argparse
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id
from quire_client.command.exits import CommandError, Exit
from quire_client.command.output import counted, note, write_table
from quire_client.exporting import csv_rows, write_csv, write_json, write_jsonl
from quire_client.results import Result

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

Write = Callable[[AsyncIterator[Result], TextIO], Awaitable[int]]

_EXAMPLES = """\
  quire results last
  quire results last --out results.csv
  quire results last --format jsonl --include-errors | jq -c '[.document, .values.total]'

Works while the batch runs: it writes what there is. In CSV files, text that a spreadsheet would run
as a formula gets a leading apostrophe; values whose quote was not found are named in ungrounded_fields."""


def register(commands: "Commands") -> None:
    """Add it."""
    parser = add_command(commands, "results", "Write the extracted fields.", _EXAMPLES, results)
    add_batch(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write to a file: .csv, .json or .jsonl")
    parser.add_argument("--format", choices=("table", *_WRITERS), help="instead of the file's suffix; else table")
    parser.add_argument("--include-errors", action="store_true", help="also documents without a result")


async def results(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write them."""
    name = arguments.format or ("jsonl" if arguments.json else "")
    if arguments.out:
        check_format(arguments.out, name)
    found = quire.results(await batch_id(quire, arguments), include_errors=arguments.include_errors)
    if arguments.out:
        count = await save(found, arguments.out, name)
        note(f"Wrote {counted(count, 'document')} to {arguments.out}")
    else:
        await _WRITERS.get(name, _write_table)(found, sys.stdout)
    return 0


async def save(found: AsyncIterator[Result], path: Path, name: str = "") -> int:
    """Write a file, whole or not at all; answer how many documents."""
    write = check_format(path, name)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            count = await write(found, out)
        os.replace(partial, path)  # noqa: PTH105 - says what is meant
    finally:
        partial.unlink(missing_ok=True)
    return count


def check_format(path: Path, name: str = "") -> Write:
    """Find the writer of a file by name or suffix, before anything is sent."""
    write = _WRITERS.get(name or path.suffix.lstrip(".").lower())
    if not write:
        raise CommandError(
            f"{path} has no known format", "End it in .csv, .json or .jsonl, or give --format.", Exit.USAGE
        )
    if not path.parent.is_dir():
        raise CommandError(f"there is no folder {path.parent}", "Make it, or write elsewhere.", Exit.USAGE)
    return write


async def _write_table(found: AsyncIterator[Result], _: TextIO) -> int:
    heading, *rows = csv_rows([result async for result in found])
    write_table(heading, rows)
    return len(rows)


_WRITERS: dict[str, Write] = {"csv": write_csv, "json": write_json, "jsonl": write_jsonl}
