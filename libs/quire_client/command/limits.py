"""`quire limits`: the very numbers the server enforces."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from quire.batch.v1.batch_service_pb2 import GetLimitsResponse
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


def register(commands: "Commands") -> None:
    """Add it."""
    add_command(commands, "limits", "Show your limits and what you use of them.", _EXAMPLES, limits)


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
    yield "batches created a minute", allowed.creates_per_minute, ""
    yield "results kept", f"{allowed.retention_days} days", ""
    yield "export formats", ", ".join(allowed.export_formats), ""


def _batch_upload(answer: GetLimitsResponse) -> str:
    if answer.limits.batch_upload:
        return "yes"
    return f"no; needs {tier_name(answer.limits.tier_required)}"


def _monthly(answer: GetLimitsResponse) -> object:
    most = answer.limits.documents_per_month
    return "by contract" if most < 0 else most
