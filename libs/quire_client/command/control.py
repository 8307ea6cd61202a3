"""`quire cancel` and `quire retry`: stop a batch, or run again what has no result."""

import argparse
from typing import TYPE_CHECKING

from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id
from quire_client.command.messages import json_of
from quire_client.command.output import counted, write_document, write_text
from quire_client.statuses import batch_status_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_CANCEL_EXAMPLES = """\
  quire cancel 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10
  quire cancel last --json

Results that are ready stay readable. Cancelling a batch that is final changes nothing."""
_RETRY_EXAMPLES = """\
  quire retry last
  quire retry last --code PROVIDER_TIMEOUT --code WORKER_LOST
  quire retry last --document 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10 && quire watch last

Nothing is uploaded again. `quire errors` shows which codes are worth it."""


def register(commands: "Commands") -> None:
    """Add both."""
    add_batch(add_command(commands, "cancel", "Cancel what is open of a batch.", _CANCEL_EXAMPLES, cancel))
    parser = add_command(commands, "retry", "Run documents without a result again.", _RETRY_EXAMPLES, retry)
    add_batch(parser)
    parser.add_argument("--code", action="append", default=[], help="only with this error code; repeat")
    parser.add_argument("--document", action="append", default=[], metavar="ID", help="only this document; repeat")


async def cancel(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Cancel it."""
    batch = await quire.cancel(await batch_id(quire, arguments))
    if arguments.json:
        write_document(json_of(batch))
    else:
        kept = f"{counted(batch.counters.succeeded, 'result')} kept"
        write_text(f"Batch {batch.id} is {batch_status_name(batch.status)}, {kept}.")
    return 0


async def retry(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Queue them again."""
    identifier = await batch_id(quire, arguments)
    answer = await quire.retry(identifier, document_ids=arguments.document, error_codes=arguments.code)
    if arguments.json:
        write_document(json_of(answer))
    else:
        write_text(f"{counted(answer.retried_count, 'document')} queued again. Watch: quire watch {identifier}")
    return 0
