"""`quire documents`: every document of a batch and where it is."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quire.batch.v1.document_pb2 import Document
from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id, document_status
from quire_client.command.messages import json_of
from quire_client.command.output import write_line, write_table
from quire_client.statuses import document_status_name, stage_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_EXAMPLES = """\
  quire documents last
  quire documents last --status FAILED
  quire documents last --code PDF_ENCRYPTED --json | jq -r .name"""

_HEADING = ("no", "name", "status", "stage", "pages", "attempt", "error", "id")


def register(commands: "Commands") -> None:
    """Add it."""
    parser = add_command(commands, "documents", "List the documents of a batch.", _EXAMPLES, list_documents)
    add_batch(parser)
    parser.add_argument(
        "--status", type=document_status, action="append", default=[], help="only in this status; repeat"
    )
    parser.add_argument("--code", action="append", default=[], help="only with this error code; repeat")


async def list_documents(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write a line per document."""
    identifier = await batch_id(quire, arguments)
    found = quire.documents(identifier, statuses=arguments.status, error_codes=arguments.code)
    if arguments.json:
        async for document in found:
            write_line(json_of(document))
    else:
        write_table(_HEADING, [_row(document) async for document in found])
    return 0


def _row(document: Document) -> Sequence[object]:
    pages = f"{document.pages_done}/{document.pages_total}" if document.pages_total else ""
    return (
        document.position,
        document.name,
        document_status_name(document.status),
        stage_name(document.stage),
        pages,
        document.attempt or "",
        document.error.code,
        document.id,
    )
