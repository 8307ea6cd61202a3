"""`quire list` and `quire show`: batches and where they are."""

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from quire.batch.v1.batch_pb2 import Batch, ErrorGroup
from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id, batch_status
from quire_client.command.display import status_counts
from quire_client.command.messages import json_of
from quire_client.command.output import local_time, sized, write_document, write_line, write_table
from quire_client.statuses import batch_status_name, hold_reason_name, tier_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_LIST_EXAMPLES = """\
  quire list
  quire list --status PROCESSING --status QUEUED
  quire list --name march --limit 200 --json | jq -r .id"""
_SHOW_EXAMPLES = """\
  quire show 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10
  quire show last
  quire show last --json | jq .counters"""


def register(commands: "Commands") -> None:
    """Add both."""
    parser = add_command(commands, "list", "List batches, newest first.", _LIST_EXAMPLES, list_batches)
    parser.add_argument("--status", type=batch_status, action="append", default=[], help="only in this status; repeat")
    parser.add_argument("--name", default="", help="only with this in their name")
    parser.add_argument("--limit", type=int, default=50, help="at most so many (50)")
    add_batch(add_command(commands, "show", "Show one batch: status, counters, errors.", _SHOW_EXAMPLES, show))


async def list_batches(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write a line per batch."""
    found = quire.list(statuses=arguments.status, name_contains=arguments.name, page_size=min(arguments.limit, 500))
    batches = [batch async for batch in _first(found, arguments.limit)]
    if arguments.json:
        for batch in batches:
            write_line(json_of(batch))
    else:
        write_table(("id", "name", "status", "done", "failed", "created"), [_row(batch) for batch in batches])
    return 0


async def _first(batches: AsyncIterator[Batch], limit: int) -> AsyncIterator[Batch]:
    left = limit
    async with aclosing(batches):  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
        while left > 0 and (batch := await anext(batches, None)):
            yield batch
            left -= 1


def _row(batch: Batch) -> Sequence[object]:
    counters = batch.counters
    done = f"{counters.processed}/{counters.total}"
    return (
        batch.id,
        batch.name,
        batch_status_name(batch.status),
        done,
        counters.failed or "",
        local_time(batch.create_time),
    )


async def show(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write one batch."""
    batch = await quire.get(await batch_id(quire, arguments))
    write_batch(batch, as_json=arguments.json)
    return 0


def write_batch(batch: Batch, *, as_json: bool) -> None:
    """Write all that is told of a batch."""
    if as_json:
        write_document(json_of(batch))
        return
    write_table(("batch", batch.id), [row for row in _lines(batch) if row[1]])
    if batch.errors:
        write_errors(batch.errors)


def _lines(batch: Batch) -> list[tuple[str, object]]:
    counters = batch.counters
    return [
        ("name", batch.name),
        ("description", batch.description),
        ("status", batch_status_name(batch.status)),
        ("held by", ", ".join(hold_reason_name(reason) for reason in batch.hold_reasons)),
        ("stalled", "no progress for two minutes" if batch.stalled else ""),
        ("documents", f"{counters.processed} of {counters.total} done"),
        *((f"  {name.replace('_', ' ')}", count) for name, count in status_counts(counters)),
        ("pages", counters.pages),
        ("size", sized(counters.bytes)),
        ("tokens", f"{counters.input_tokens} read, {counters.output_tokens} written"),
        ("cost", f"${counters.cost_micros / 1e6:.4f}"),
        ("tier", tier_name(batch.tier)),
        ("created", local_time(batch.create_time)),
        ("sealed", local_time(batch.seal_time)),
        ("completed", local_time(batch.complete_time)),
        ("deadline", local_time(batch.deadline_time)),
        ("removed after", local_time(batch.purge_time)),
        ("prompt", batch.extraction_prompt),
    ]


def write_errors(errors: Sequence[ErrorGroup]) -> None:
    """Write the codes documents ended with, and who can do what about each."""
    rows = [(group.code, group.count, group.actor, group.remedy) for group in errors]
    write_table(("error", "documents", "who acts", "way out"), rows)
