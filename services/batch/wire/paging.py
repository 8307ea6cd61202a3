"""Pages: sizes are cut, tokens carry a place and the query they belong to."""

import base64
import binascii
import hashlib
from collections.abc import Sequence

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


def place_of(page_token: str, query: bytes, length: int) -> list[str | int] | None:
    """The place a token stands for; None for the first page. Raises for a token of another query."""
    if not page_token:
        return None
    try:
        padded = page_token + "=" * (-len(page_token) % 4)
        found: object = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _bad_token() from error
    if not _fits(found, query, length):
        raise _bad_token()
    return found[1:]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]


def _fits(found: object, query: bytes, length: int) -> bool:
    if not isinstance(found, list) or len(found) != length + 1:  # pyright: ignore[reportUnknownArgumentType]
        return False
    return found[0] == _mark(query) and all(isinstance(part, str | int) for part in found)  # pyright: ignore[reportUnknownVariableType]


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
