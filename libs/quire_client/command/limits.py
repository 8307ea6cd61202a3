"""`quire limits` and `quire usage`: the very numbers the server enforces, and what was used of them."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from quire.batch.v1.batch_service_pb2 import GetLimitsResponse
from quire.batch.v1.limits_pb2 import MonthlyUsage
from quire_client.client import QuireClient
from quire_client.command.arguments import add_command
from quire_client.command.messages import json_of
from quire_client.command.output import local_time, sized, write_document, write_table
from quire_client.statuses import tier_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_EXAMPLES = """\
  quire limits
  quire limits --json | jq .limits.documents_per_batch"""
_USAGE_EXAMPLES = """\
  quire usage
  quire usage --months 3 --json | jq '.months[].documents'

A document counts once, in the month its batch was sealed, however often it is retried; deleting takes nothing off."""


def register(commands: "Commands") -> None:
    """Add it."""
    add_command(commands, "limits", "Show your limits and what you use of them.", _EXAMPLES, limits)
    parser = add_command(commands, "usage", "Show what you used, month by month.", _USAGE_EXAMPLES, usage)
    parser.add_argument("--months", type=int, default=0, metavar="N", help="so many months back (12; at most 36)")


async def limits(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write them."""
    answer = await quire.limits()
    if arguments.json:
        write_document(json_of(answer))
    else:
        write_table(("limit", "allowed", "used"), _rows(answer))
    return 0


def _rows(answer: GetLimitsResponse) -> Iterator[tuple[object, ...]]:
    allowed, used = answer.limits, answer.usage
    yield "tier", tier_name(allowed.tier), ""
    yield "batch upload", _batch_upload(answer), ""
    yield "documents per batch", allowed.documents_per_batch, ""
    yield "size of a document", sized(allowed.bytes_per_document), ""
    yield "pages of a document", allowed.pages_per_document, ""
    yield "open batches", allowed.open_batches, used.open_batches
    yield "documents in flight", allowed.documents_in_flight, used.documents_in_flight
    yield "documents this month", _monthly(answer), used.documents_this_month
    yield "month starts again", local_time(used.month_reset_time), ""
    yield "batches created a minute", allowed.creates_per_minute, used.creates_last_minute
    yield "results kept", f"{allowed.retention_days} days", ""
    yield "export formats", ", ".join(allowed.export_formats), ""


def _batch_upload(answer: GetLimitsResponse) -> str:
    if answer.limits.batch_upload:
        return "yes"
    return f"no; needs {tier_name(answer.limits.tier_required)}"


def _monthly(answer: GetLimitsResponse) -> object:
    most = answer.limits.documents_per_month
    return "by contract" if most < 0 else most


async def usage(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write the months."""
    answer = await quire.usage(arguments.months)
    if arguments.json:
        write_document(json_of(answer))
        return 0
    heading = ("month", "documents", "pages", "input tokens", "output tokens", "cost USD")
    write_table(heading, (_month(one) for one in answer.months))
    return 0


def _month(one: MonthlyUsage) -> tuple[object, ...]:
    cost = f"{one.cost_micros / 1_000_000:.2f}"
    return one.month[:7], one.documents, one.pages, one.input_tokens, one.output_tokens, cost
