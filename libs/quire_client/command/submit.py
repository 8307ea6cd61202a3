"""`quire submit`: files in, a sealed batch out, and its results when asked to wait."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from quire.batch.v1.batch_pb2 import Batch
from quire_client.client import QuireClient
from quire_client.command.arguments import add_command, duration
from quire_client.command.batches import write_batch
from quire_client.command.display import open_display
from quire_client.command.exits import Exit, exit_of
from quire_client.command.messages import json_of
from quire_client.command.output import counted, note, printed, write_document, write_text
from quire_client.command.results import check_format, save
from quire_client.command.sending import open_sending
from quire_client.command.watching import follow
from quire_client.errors import DocumentRefusedError, UnavailableError
from quire_client.options import batch_options

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_EXAMPLES = """\
  quire submit invoices/ --prompt 'Invoice number, issue date, seller, total with currency'
  quire submit a.pdf b.docx --prompt-file what.txt --schema fields.json --name 'March' --wait
  quire submit invoices/ --prompt 'Number and total' --out results.csv
  quire submit invoices/ --prompt 'Number and total' --json | jq -r .id

Folders are walked, hidden files left out. --out waits, then writes a row for every document.
A submission that was cut off goes on where it stopped with the --request-id it printed."""


def register(commands: "Commands") -> None:
    """Add it."""
    parser = add_command(commands, "submit", "Upload files as one batch and start it.", _EXAMPLES, submit)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files and folders")
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt", help="what to extract, in your words")
    prompt.add_argument("--prompt-file", type=Path, metavar="FILE", help="the same, from a file")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="JSON Schema of the fields; else derived")
    parser.add_argument("--name", default="", help="a name for the batch")
    parser.add_argument("--description", default="", help="a description of it")
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deadline", type=duration, metavar="30m", help="what is unfinished then expires (7d)")
    parser.add_argument("--cost-cap", type=float, default=0.0, metavar="USD", help="hold the batch at this cost")
    parser.add_argument("--max-failures", type=int, default=0, metavar="N", help="attempts a document may fail (3)")
    parser.add_argument("--wait", action="store_true", help="watch until the batch is final")
    parser.add_argument("--out", type=Path, metavar="FILE", help="wait, then write results: .csv, .json or .jsonl")
    parser.add_argument("--skip-refused", action="store_true", help="leave out files that are refused; exit code 1")
    parser.add_argument("--request-id", type=_uuid, metavar="UUID", help="go on with a cut-off submission")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


async def submit(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Submit, and wait if asked to."""
    if arguments.out:
        check_format(arguments.out)
    refused: list[DocumentRefusedError] = []
    batch = await _send(quire, arguments, refused)
    if arguments.wait or arguments.out:
        return max(await _wait(quire, batch, arguments), _exit_after(refused))
    if arguments.json:
        write_document(json_of(batch))
    else:
        write_text(f"Submitted batch {batch.id} with {counted(batch.counters.total, 'document')}.")
        write_text(f"Watch it: quire watch {batch.id}")
    return _exit_after(refused)


def _exit_after(refused: list[DocumentRefusedError]) -> Exit:
    return Exit.ENDED_BADLY if refused else Exit.OK


async def _send(quire: QuireClient, arguments: argparse.Namespace, refused: list[DocumentRefusedError]) -> Batch:
    request_id: str = arguments.request_id or str(uuid4())
    with _way_to_go_on(request_id), open_sending(sys.stderr, quiet=arguments.quiet) as on_progress:
        return await quire.submit(
            [Path(path) for path in arguments.paths],
            prompt=arguments.prompt or arguments.prompt_file.read_text("utf-8"),
            schema=arguments.schema and arguments.schema.read_text("utf-8"),
            name=arguments.name,
            description=arguments.description,
            options=batch_options(
                deadline=arguments.deadline,
                cost_cap_micros=round(arguments.cost_cap * 1_000_000),
                max_failures=arguments.max_failures,
            ),
            request_id=request_id,
            on_progress=on_progress,
            on_refused=_leaving_out(refused) if arguments.skip_refused else None,
        )


def _leaving_out(refused: list[DocumentRefusedError]) -> Callable[[DocumentRefusedError], None]:
    def leave_out(refusal: DocumentRefusedError) -> None:
        refused.append(refusal)
        note(f"Left out {printed(refusal.message)}")

    return leave_out


@contextmanager
def _way_to_go_on(request_id: str) -> Generator[None]:
    try:
        yield
    except (UnavailableError, asyncio.CancelledError):
        note(f"Cut off. To go on where it stopped, give the same command once more with --request-id {request_id}")
        raise


async def _wait(quire: QuireClient, batch: Batch, arguments: argparse.Namespace) -> int:
    if not arguments.quiet:
        note(f"Submitted batch {batch.id}")
    with open_display(sys.stderr, quiet=arguments.quiet) as display:
        batch = await follow(quire, batch.id, display)
    write_batch(batch, as_json=arguments.json)
    if arguments.out:
        count = await save(quire.results(batch.id, include_errors=True), arguments.out)
        note(f"Wrote {counted(count, 'document')} to {arguments.out}")
    return exit_of(batch)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None
