"""How arguments are read: what all commands share, durations, batch ids, help with examples."""

import argparse
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from quire.batch.v1.batch_pb2 import BatchStatus, Tier
from quire.batch.v1.document_pb2 import DocumentStatus
from quire_client.admin import AdminClient
from quire_client.client import QuireClient
from quire_client.command.exits import CommandError, Exit
from quire_client.settings import ENDPOINT, UPLOAD_ENDPOINT

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

NEWEST = ("last", "-")
Handler = Callable[[QuireClient, argparse.Namespace], Awaitable[int]]
AdminHandler = Callable[[AdminClient, argparse.Namespace], Awaitable[int]]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_command(
    commands: "Commands", name: str, summary: str, examples: str, handler: Handler
) -> argparse.ArgumentParser:
    """Add a command of the tenant's."""
    parser = _add_parser(commands, name, summary, examples)
    parser.set_defaults(run=partial(_as_tenant, handler))
    return parser


def add_admin_command(
    commands: "Commands", name: str, summary: str, examples: str, handler: AdminHandler
) -> argparse.ArgumentParser:
    """Add a command of the operator's."""
    parser = _add_parser(commands, name, summary, examples)
    parser.set_defaults(run=partial(_as_operator, handler))
    return parser


def _add_parser(commands: "Commands", name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="write JSON for programs")
    parser.add_argument("--endpoint", help=f"host:port of the batch service (else {ENDPOINT})")
    parser.add_argument("--upload-endpoint", help=f"host:port of the gateway's gRPC door (else {UPLOAD_ENDPOINT})")
    parser.add_argument(
        "--retry-for", type=float, default=5.0, metavar="SECONDS", help="keep trying while Quire does not answer (5)"
    )
    return parser


async def _as_tenant(handler: Handler, arguments: argparse.Namespace) -> int:
    client = QuireClient.from_environment(retry_for=arguments.retry_for, environment=_environment(arguments))
    async with client as quire:
        return await handler(quire, arguments)


async def _as_operator(handler: AdminHandler, arguments: argparse.Namespace) -> int:
    client = AdminClient.from_environment(retry_for=arguments.retry_for, environment=_environment(arguments))
    async with client as admin:
        return await handler(admin, arguments)


def _environment(arguments: argparse.Namespace) -> Mapping[str, str]:
    given = {ENDPOINT: arguments.endpoint, UPLOAD_ENDPOINT: arguments.upload_endpoint}
    return os.environ | {name: value for name, value in given.items() if value}


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add the batch id; `last` or `-` stands for the newest batch."""
    parser.add_argument("batch", metavar="ID", help="batch id, or `last` for the newest batch")


def add_optional_batch(parser: argparse.ArgumentParser) -> None:
    """Add the batch id, the newest batch's when left out."""
    parser.add_argument("batch", metavar="ID", nargs="?", default="last", help="batch id; else the newest batch")


async def batch_id(quire: QuireClient, arguments: argparse.Namespace) -> str:
    """The id given, or the newest batch's."""
    given: str = arguments.batch
    if given not in NEWEST:
        return given
    async for batch in quire.list(page_size=1):
        return batch.id
    raise CommandError("there is no batch yet", "Submit one: quire submit FOLDER --prompt '…'.", Exit.NOT_FOUND)


def duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `2h` or `7d`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 30m, 2h or 7d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def tier(text: str) -> Tier.ValueType:
    """Read a tier's name."""
    return Tier.Value(_known(f"TIER_{text.upper()}", Tier.keys(), "TIER_", text))


def batch_status(text: str) -> BatchStatus.ValueType:
    """Read a batch status' name."""
    return BatchStatus.Value(_known(f"BATCH_STATUS_{text.upper()}", BatchStatus.keys(), "BATCH_STATUS_", text))


def document_status(text: str) -> DocumentStatus.ValueType:
    """Read a document status' name."""
    name = f"DOCUMENT_STATUS_{text.upper()}"
    return DocumentStatus.Value(_known(name, DocumentStatus.keys(), "DOCUMENT_STATUS_", text))


def _known(name: str, names: list[str], prefix: str, text: str) -> str:
    if name not in names[1:]:
        offered = ", ".join(known.removeprefix(prefix) for known in names[1:])
        raise argparse.ArgumentTypeError(f"{text!r} is none of {offered}")
    return name
