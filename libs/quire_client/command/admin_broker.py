"""`quire admin dead-letters`, `replay` and `queues`: what operators ask of the broker."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quire.admin.v1.tenant_pb2 import DeadLetter, QueueHealth
from quire_client.admin import AdminClient
from quire_client.command.arguments import add_admin_command
from quire_client.command.exits import Exit
from quire_client.command.messages import json_of
from quire_client.command.output import local_time, write_document, write_line, write_table, write_text

if TYPE_CHECKING:
    from quire_client.command.arguments import Commands

_LETTER_HEADING = ("id", "died", "queue", "document", "reason")
_QUEUE_HEADING = ("queue", "ready", "consumers", "healthy")
_WORDS = "quire admin"


def register(admin: "Commands") -> None:
    """Add the commands to the group."""
    summary = "List messages no consumer could read, oldest first."
    add_admin_command(admin, "dead-letters", summary, f"  {_WORDS} dead-letters --json", list_dead_letters)
    example = (
        f"  {_WORDS} replay 01990a2c-7d1e-7c3a-9b52-2f6f1c1f9a10\n"
        f"  {_WORDS} dead-letters --json | jq -r .id | xargs {_WORDS} replay"
    )
    parser = add_admin_command(admin, "replay", "Send dead letters to their queues again.", example, replay)
    parser.add_argument("ids", metavar="ID", nargs="+", help="ids from dead-letters, at most 1,000")
    summary = "Show every queue: what waits, who consumes, whether it is well."
    add_admin_command(admin, "queues", summary, f"  {_WORDS} queues", show_queues)


async def list_dead_letters(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Write a line per letter; JSON holds the body too."""
    if arguments.json:
        async for letter in admin.list_dead_letters():
            write_line(json_of(letter))
    else:
        write_table(_LETTER_HEADING, [_letter_row(letter) async for letter in admin.list_dead_letters()])
    return 0


async def replay(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Send them; the exit code tells whether all were sent."""
    sent, asked = await admin.replay_dead_letters(arguments.ids), len(set(arguments.ids))
    if arguments.json:
        write_document({"replayed_count": sent})
    else:
        write_text(f"{sent} of {asked} sent again; what was sent before, is unknown, or finds no queue is not.")
    return Exit.OK if sent == asked else Exit.ENDED_BADLY


async def show_queues(admin: AdminClient, arguments: argparse.Namespace) -> int:
    """Write a line per queue; the exit code tells whether all are well."""
    queues = await admin.queues()
    if arguments.json:
        for queue in queues:
            write_line(json_of(queue))
    else:
        write_table(_QUEUE_HEADING, [_queue_row(queue) for queue in queues])
    return Exit.OK if all(queue.healthy for queue in queues) else Exit.ENDED_BADLY


def _letter_row(letter: DeadLetter) -> Sequence[object]:
    return letter.id, local_time(letter.dead_time), letter.queue, letter.document_id, letter.reason


def _queue_row(queue: QueueHealth) -> Sequence[object]:
    return queue.name, queue.ready, queue.consumers, "yes" if queue.healthy else "NO"
