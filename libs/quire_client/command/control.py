"""`quire cancel`, `pause`, `resume`, `retry` and `delete`: what is done with a batch that exists."""

import argparse
from typing import TYPE_CHECKING

from quire.batch.v1.batch_pb2 import Batch
from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id
from quire_client.command.messages import json_of
from quire_client.command.output import counted, write_document, write_text
from quire_client.statuses import batch_status_name, hold_reason_name

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_CANCEL_EXAMPLES = """\
  quire cancel 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10
  quire cancel last --json
  quire cancel last --document 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10

Results that are ready stay readable. Cancelling a batch that is final changes nothing."""
_PAUSE_EXAMPLES = """\
  quire pause last
  quire pause last && quire results last && quire resume last

Nothing more is started; what runs finishes. The deadline keeps running."""
_RESUME_EXAMPLES = """\
  quire resume last && quire watch last"""
_DELETE_EXAMPLES = """\
  quire delete 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10

What is open is cancelled; documents and results are removed for good. Its counters stay in your use of the month."""
_RETRY_EXAMPLES = """\
  quire retry last
  quire retry last --code PROVIDER_TIMEOUT --code WORKER_LOST
  quire retry last --document 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10 && quire watch last

Nothing is uploaded again. `quire errors` shows which codes are worth it."""


def register(commands: "Commands") -> None:
    """Add all of them."""
    parser = add_command(commands, "cancel", "Cancel what is open of a batch.", _CANCEL_EXAMPLES, cancel)
    add_batch(parser)
    parser.add_argument("--document", action="append", default=[], metavar="ID", help="only this document; repeat")
    add_batch(add_command(commands, "pause", "Start nothing more of a batch.", _PAUSE_EXAMPLES, pause))
    add_batch(add_command(commands, "resume", "Go on with a paused batch.", _RESUME_EXAMPLES, resume))
    add_batch(add_command(commands, "delete", "Remove a batch with all it holds.", _DELETE_EXAMPLES, delete))
    parser = add_command(commands, "retry", "Run documents without a result again.", _RETRY_EXAMPLES, retry)
    add_batch(parser)
    parser.add_argument("--code", action="append", default=[], help="only with this error code; repeat")
    parser.add_argument("--document", action="append", default=[], metavar="ID", help="only this document; repeat")


async def cancel(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Cancel it, or some of its documents."""
    identifier = await batch_id(quire, arguments)
    if arguments.document:
        return await _cancel_documents(quire, identifier, arguments)
    batch = await quire.cancel(identifier)
    kept = f"{counted(batch.counters.succeeded, 'result')} kept"
    _tell(batch, f"Batch {batch.id} is {batch_status_name(batch.status)}, {kept}.", arguments)
    return 0


async def _cancel_documents(quire: QuireClient, identifier: str, arguments: argparse.Namespace) -> int:
    answer = await quire.cancel_documents(identifier, arguments.document)
    if arguments.json:
        write_document(json_of(answer))
    else:
        write_text(f"{counted(answer.cancelled_count, 'document')} of batch {identifier} cancelled or asked to stop.")
    return 0


async def pause(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Hold it."""
    batch = await quire.pause(await batch_id(quire, arguments))
    running = f"{counted(batch.counters.processing, 'document')} still running"
    _tell(batch, f"Batch {batch.id} is paused, {running}. Go on: quire resume {batch.id}", arguments)
    return 0


async def resume(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Let it go on."""
    batch = await quire.resume(await batch_id(quire, arguments))
    held = ", ".join(hold_reason_name(reason) for reason in batch.hold_reasons)
    _tell(batch, f"Batch {batch.id} " + (f"is still held: {held}." if held else "goes on."), arguments)
    return 0


def _tell(batch: Batch, text: str, arguments: argparse.Namespace) -> None:
    if arguments.json:
        write_document(json_of(batch))
    else:
        write_text(text)


async def delete(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Be rid of it."""
    identifier = await batch_id(quire, arguments)
    await quire.delete(identifier)
    if arguments.json:
        write_document({"id": identifier, "deleted": True})
    else:
        write_text(f"Batch {identifier} is deleted.")
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
