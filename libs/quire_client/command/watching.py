"""`quire watch`: a batch while it runs, until it is final."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from quire.batch.v1.batch_pb2 import Batch
from quire_client.client import QuireClient
from quire_client.command.arguments import add_batch, add_command, batch_id
from quire_client.command.batches import write_errors
from quire_client.command.display import Display, open_display
from quire_client.command.exits import exit_of
from quire_client.command.output import note

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_EXAMPLES = """\
  quire watch last
  quire watch 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10 || echo 'not everything went well'
  quire watch last --json | jq -c '[.status, .counters.processed]'

Survives restarts of the server. Ctrl-C stops watching, never the batch."""


def register(commands: "Commands") -> None:
    """Add it."""
    add_batch(add_command(commands, "watch", "Watch a batch until it is final.", _EXAMPLES, watch))


async def watch(quire: QuireClient, arguments: argparse.Namespace) -> int:
    """Show every change."""
    identifier = await batch_id(quire, arguments)
    with open_display(sys.stdout, json=arguments.json) as display:
        batch = await follow(quire, identifier, display)
    if batch.errors and not arguments.json:
        write_errors(batch.errors)
    return exit_of(batch)


async def follow(quire: QuireClient, identifier: str, display: Display) -> Batch:
    """Show a batch until it is final; answer the last snapshot."""
    batch = Batch()
    try:
        async for snapshot in quire.watch(identifier):
            batch = snapshot.batch
            display.show(batch)
    except asyncio.CancelledError:
        note(f"Interrupted. The batch goes on; watch it again: quire watch {identifier}")
        raise
    return batch
