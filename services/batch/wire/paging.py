"""Pages: sizes are cut, tokens carry a place and the query they belong to."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.message import Message

from batch.wire.fields import Violations
from chassis.errors import invalid

LARGEST_PAGE = 1000


def page_size(asked: int, default: int) -> int:
    """How many rows to answer."""
    violations = Violations()
    if asked < 0:
        violations.add("page_size", "must not be negative")
    violations.check()
    return min(asked or default, LARGEST_PAGE)


def token(query: bytes, place: Sequence[str | int]) -> str:
    """A token for the place behind the last row of a page."""
    return base64.urlsafe_b64encode(orjson.dumps([_mark(query), *place])).decode().rstrip("=")


def place_of(page_token: str, query: bytes, *readers: Callable[[str], Any]) -> list[Any] | None:
    """The place a token stands for; None for the first page. Raises for a token of another query.

    Args:
        page_token: as the caller sent it back, perhaps forged.
        query: the call it must belong to.
        readers: one for each part of the place, each raising ValueError for what it cannot read.
    """
    if not page_token:
        return None
    try:
        padded = page_token + "=" * (-len(page_token) % 4)
        mark, *parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if mark != _mark(query):
            raise _bad_token()
        return [read(str(part)) for read, part in zip(readers, parts, strict=True)]
    except (binascii.Error, ValueError, TypeError, OverflowError) as error:
        raise _bad_token() from error


def number(part: str) -> int:
    """Read a position or an attempt."""
    value = int(part)
    if not 0 <= value < 2**31:
        raise ValueError("out of range")
    return value


def moment(part: str) -> datetime:
    """Read a moment with its zone."""
    found = datetime.fromisoformat(part)
    if found.tzinfo is None:
        raise ValueError("a moment without a zone")
    return found.astimezone(UTC)


def _bad_token() -> Exception:
    return invalid({"page_token": "is not from the last answer to this very query; start without one"})


def _mark(query: bytes) -> str:
    return hashlib.blake2b(query, digest_size=9).hexdigest()


def query_of(tenant: object, request: Message) -> bytes:
    """What a token is bound to: the tenant and the call without its paging."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    return f"{tenant}:{type(request).__name__}:".encode() + bare.SerializeToString(deterministic=True)
