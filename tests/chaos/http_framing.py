"""Where the requests of an HTTP/1.1 connection begin and end, told without holding their bodies."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

MAX_HEAD_BYTES = 65_536


@dataclass(frozen=True)
class Head:
    """The first lines of a request or an answer."""

    raw: bytes
    first: tuple[str, str, str]
    """Method, target and version; or version, status and reason."""
    headers: dict[str, str]

    @property
    def length(self) -> int:
        """Of the body, when it is known before."""
        return int(self.headers.get("content-length", "0"))

    @property
    def chunked(self) -> bool:
        """Whether the body tells its length as it goes."""
        return "chunked" in self.headers.get("transfer-encoding", "")


def read_head(raw: bytes) -> Head:
    """Read a head, its empty line included."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines if line)
    method, target, version = (*first.split(" ", 2), "", "")[:3]
    return Head(raw, (method, target, version), {name.lower(): value.strip().lower() for name, _, value in named})


class _Part(Enum):
    HEAD = auto()
    BODY = auto()
    CHUNK_SIZE = auto()
    CHUNK = auto()
    TRAILER = auto()


@dataclass
class Requests:
    """Cuts a stream of bytes into heads, pieces of bodies and the ends of requests."""

    _part: _Part = _Part.HEAD
    _held: bytearray = field(default_factory=bytearray)
    _left: int = 0

    def read(self, data: bytes) -> Iterator[Head | bytes | None]:
        """A Head begins a request, bytes go on with it, None ends it."""
        rest = bytes(self._held) + data
        self._held.clear()
        while rest:
            if self._part in (_Part.BODY, _Part.CHUNK):
                piece, rest = rest[: self._left], rest[self._left :]
                self._left -= len(piece)
                yield piece
                yield from self._body_over()
                continue
            mark = b"\r\n\r\n" if self._part is _Part.HEAD else b"\r\n"
            line, found, after = rest.partition(mark)
            if not found:
                self._hold(rest)
                return
            rest = after
            yield from self._line(line + found)

    def _line(self, line: bytes) -> Iterator[Head | bytes | None]:
        if self._part is _Part.HEAD:
            yield from self._begun(read_head(line))
            return
        yield line
        if self._part is _Part.TRAILER:
            if line == b"\r\n":
                self._part = _Part.HEAD
                yield None
            return
        size = int(line.split(b";")[0], 16)
        self._part, self._left = (_Part.CHUNK, size + 2) if size else (_Part.TRAILER, 0)

    def _begun(self, head: Head) -> Iterator[Head | bytes | None]:
        yield head
        if head.chunked:
            self._part = _Part.CHUNK_SIZE
        else:
            self._part, self._left = _Part.BODY, head.length
            yield from self._body_over()

    def _body_over(self) -> Iterator[None]:
        if self._left:
            return
        if self._part is _Part.BODY:
            self._part = _Part.HEAD
            yield None
        else:
            self._part = _Part.CHUNK_SIZE

    def _hold(self, rest: bytes) -> None:
        if len(rest) > MAX_HEAD_BYTES:
            raise ValueError("a head without end")
        self._held += rest
