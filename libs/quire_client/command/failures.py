"""`quire errors`: why documents of a batch have no result, who can do something about it, and what."""

import argparse
from typing import TYPE_CHECKING

from quire_client.client import QuireClient
from quire_client.command.arguments import add_command, add_optional_batch, batch_id
from quire_client.command.batches import write_errors
from quire_client.command.messages import json_of
from quire_client.command.output import write_document, write_table, write_text

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_EXAMPLES = """\
  quire errors
  quire errors 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10 --code PDF_ENCRYPTED
  quire errors last --json | jq -r '.documents[] | [.name, .error.code] | @tsv'

Who acts: user (you, with the document), tenant admin (tier and quota), operator (of Quire),
provider (of the model; Quire waits), nobody (Quire mends it by itself)."""


def register(commands: "Commands") -> None:
    """Add it."""
    parser = add_command(commands, "errors", "Explain the errors of a batch (the newest).", _EXAMPLES, errors)
    add_optional_batch(parser)
    parser.add_argument("--code", action="append", default=[], help="only this code; repeat")


async def errors(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Write the codes, then the documents."""
    batch = await quire.get(await batch_id(quire, arguments))
    codes: list[str] = arguments.code or [group.code for group in batch.errors]
    groups = [group for group in batch.errors if group.code in codes]
    documents = [found async for found in quire.documents(batch.id, error_codes=codes)] if codes else []
    if arguments.json:
        write_document(
            {"errors": [json_of(group) for group in groups], "documents": [json_of(found) for found in documents]}
        )
    elif not groups:
        write_text(f"Batch {batch.id} has no such errors.")
    else:
        write_errors(groups)
        write_table(
            ("document", "error", "what happened"),
            [(found.name, found.error.code, found.error.message) for found in documents],
        )
    return 0
