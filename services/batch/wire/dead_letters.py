"""Dead letters as the broker hands them over, read into rows.

Nothing in them is trusted: a stranger may have sent anything, `x-death` included. The broker puts its own entry first.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from google.protobuf.message import DecodeError

from batch.store.dead_letters import NewDeadLetter
from batch.wire import progress
from chassis import topology
from quire.events.v1 import progress_pb2
from quire.jobs.v1 import jobs_pb2

BROKERS_OWN = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
LONGEST_TEXT = 1_000

_EXPLANATIONS = {
    "expired": "it stayed longer in its queue than messages may",
    "maxlen": "its queue was full",
    "delivery_limit": "it was delivered too often without an ack",
}
_UNKNOWN_WAY = "it was sent to the dead letters without a queue before; it cannot be replayed"


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery of `quire.dead.letters`."""

    message_id: str
    routing_key: str
    headers: Mapping[str, Any]
    body: bytes


def read(letter: Letter, letter_id: UUID, now: datetime) -> NewDeadLetter:
    """Read a letter, whatever it is."""
    death = _death(letter.headers)
    routing_key = _text(_first(death.get("routing-keys")) or letter.routing_key)
    queue, reason, died = _text(death.get("queue", "")), _text(death.get("reason", "unknown")), death.get("time")
    return NewDeadLetter(
        id=letter_id,
        message_id=_text(letter.message_id),
        digest=_digest(letter, death),
        queue=queue,
        reason=reason,
        exchange=_text(death.get("exchange", "")),
        routing_key=routing_key,
        headers={_text(name): _value(value) for name, value in letter.headers.items() if not _is_brokers(name)},
        body=letter.body,
        document_id=_document_id(routing_key, letter.body),
        explanation=_explanation(queue, reason, routing_key, letter.body),
        dead_at=died if isinstance(died, datetime) and died.tzinfo else now,
    )


def _death(headers: Mapping[str, Any]) -> dict[str, Any]:
    newest = _first(headers.get("x-death"))
    return cast("dict[str, Any]", newest) if isinstance(newest, dict) else {}


def _first(values: object) -> object:
    return cast("list[object]", values)[0] if isinstance(values, list) and values else None


def _digest(letter: Letter, death: Mapping[str, Any]) -> bytes:
    mark = hashlib.blake2b(digest_size=16)
    for part in (letter.routing_key, death.get("queue"), death.get("time"), death.get("count")):
        mark.update(repr(part).encode(errors="replace") + b"\0")
    mark.update(letter.body)
    return mark.digest()


def _is_brokers(name: str) -> bool:
    return name.startswith(BROKERS_OWN)


def _text(value: object) -> str:
    """Text a row can hold, of what ought to be text."""
    text = value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[:LONGEST_TEXT]


def _value(value: object) -> str | int | bool:
    return value if isinstance(value, int) and abs(value) < 2**53 else _text(value)


def _explanation(queue: str, reason: str, routing_key: str, body: bytes) -> str:
    if not queue:
        return _UNKNOWN_WAY
    if reason != "rejected":
        return _EXPLANATIONS.get(reason, f"the broker says {reason}")
    if queue != topology.PROGRESS_FOLD.name:
        return "a worker could not read it" if _document_id(routing_key, body) is None else "a worker failed on it"
    try:
        progress.read(routing_key, body)
    except progress.Unreadable as error:
        return _text(error)
    return "the database refused it"


def _document_id(routing_key: str, body: bytes) -> UUID | None:
    reader = _READERS.get(routing_key)
    try:
        return UUID(reader(body)) if reader else None
    except (DecodeError, ValueError):
        return None


def _of_event(kind: Any) -> Callable[[bytes], str]:
    return lambda body: kind.FromString(body).ref.document_id


_READERS: dict[str, Callable[[bytes], str]] = {
    topology.EXTRACT_JOB: lambda body: jobs_pb2.ExtractDocument.FromString(body).document_id,
    topology.DOCUMENT_PROGRESSED: _of_event(progress_pb2.DocumentProgressed),
    topology.DOCUMENT_EXTRACTED: _of_event(progress_pb2.DocumentExtracted),
    topology.DOCUMENT_FAILED: _of_event(progress_pb2.DocumentFailed),
    topology.DOCUMENT_RELEASED: _of_event(progress_pb2.DocumentReleased),
}
