"""Messages as they come: one that its type cannot be read from is the caller's fault and refused as such.

By itself gRPC answers UNKNOWN to it, with the words of the parser.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from chassis.errors import invalid

Read = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where the message would."""


def tolerant(read: Read | None) -> Read | None:
    """A reader that leaves it to the door to refuse what cannot be read."""
    if read is None:
        return None

    def attempt(content: bytes) -> Any:
        try:
            return read(content)
        except DecodeError:
            return Unreadable()

    return attempt


def checked(message: Any) -> Any:
    """The message; raises CallError if there is none."""
    if isinstance(message, Unreadable):
        raise invalid({"message": "is not the protobuf message of this method, or holds text that is not UTF-8"})
    return message


async def each_checked(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The messages of a stream; raises CallError at the first that is none."""
    async for message in messages:
        yield checked(message)
