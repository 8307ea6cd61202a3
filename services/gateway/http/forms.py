"""`multipart/form-data` read part by part while it arrives; nothing is held but one field or one chunk of a file."""

from collections.abc import AsyncIterator
from typing import Any, cast

from fastapi import Request
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,  # pyright: ignore[reportUnknownVariableType] - the package has annotations but no types
)

from gateway.http.bodies import media_type, raw_bytes
from gateway.http.problems import HttpFault, HttpReason

MEDIA_TYPE = "multipart/form-data"
MAX_FILES = 1000
MAX_FIELDS = 32
MAX_FIELD_BYTES = 256 * 1024
MAX_BOUNDARY_CHARACTERS = 200
MAX_LENGTH_DIGITS = 18
MAX_SILENT_BYTES = 64 * 1024
"""Bytes that may pass without a part or a byte of one: a preamble, an epilogue, headers."""
PLAIN_ENCODINGS = frozenset({"", "binary", "8bit", "7bit"})

Events = AsyncIterator[MultipartSegment | bytes | None]


class Part:
    """One part; its bytes must be read before the next part is asked for."""

    def __init__(self, segment: MultipartSegment, events: Events) -> None:
        self._segment = segment
        self._events = events
        self.name = segment.name or ""
        self.media_type = segment.content_type or ""

    @property
    def file_name(self) -> str | None:
        """Name of the file; None for a field."""
        return self._segment.filename

    @property
    def size_bytes(self) -> int | None:
        """Announced length; rare."""
        value = _header(self._segment, "Content-Length")
        if not value:
            return None
        if not (value.isascii() and value.isdecimal()) or len(value) > MAX_LENGTH_DIGITS:
            raise malformed("the Content-Length of a part is no length")
        return int(value)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive."""
        async for event in self._events:
            if not isinstance(event, bytes | bytearray):
                return
            yield bytes(event)

    async def text(self) -> str:
        """The text of a field."""
        found = bytearray()
        async for chunk in self.chunks():
            found += chunk
            if len(found) > MAX_FIELD_BYTES:
                message = f"field {self.name[:50]!r} is too long: at most {MAX_FIELD_BYTES} bytes"
                raise HttpFault(413, HttpReason.BODY_TOO_LARGE, message)
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            raise malformed(f"field {self.name[:50]!r} is not UTF-8") from error


def is_form(request: Request) -> bool:
    """Whether the body says that it is a form."""
    return media_type(request) == MEDIA_TYPE


async def parts_of(request: Request) -> AsyncIterator[Part]:
    """The parts in the order sent, each readable until the next is asked for.

    Raises:
        HttpFault: not a form, not well formed, or over a limit.
    """
    parser = _parser(request)
    events = _events(parser, raw_bytes(request))
    files = fields = 0
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue  # rest of a part its reader had no use for
        part = Part(event, events)
        _require_plain(event)
        files, fields = files + (part.file_name is not None), fields + (part.file_name is None)
        if files > MAX_FILES or fields > MAX_FIELDS:
            message = f"a form holds at most {MAX_FILES} files and {MAX_FIELDS} fields"
            raise HttpFault(413, HttpReason.BODY_TOO_LARGE, message)
        yield part


def malformed(fault: str) -> HttpFault:
    """400: the form cannot be read."""
    return HttpFault(400, HttpReason.REQUEST_MALFORMED, f"the form cannot be read: {fault}")


def _parser(request: Request) -> PushMultipartParser:
    if not is_form(request):
        message = f"send {MEDIA_TYPE}"
        raise HttpFault(415, HttpReason.MEDIA_TYPE_UNSUPPORTED, message, {"Accept-Post": MEDIA_TYPE})
    boundary = _boundary(request.headers["content-type"])
    if not 1 <= len(boundary) <= MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
        raise malformed(f"the boundary must have 1 to {MAX_BOUNDARY_CHARACTERS} ASCII characters")
    try:
        return PushMultipartParser(boundary, max_header_count=16)
    except MultipartError as error:
        raise malformed(str(error)) from error


async def _events(parser: PushMultipartParser, chunks: AsyncIterator[bytes]) -> Events:
    silent = 0
    try:
        async for chunk in chunks:
            silent += len(chunk)
            if not chunk:
                continue  # an empty chunk would mean the end to the parser
            for event in parser.parse(chunk):
                silent = 0
                yield event
            if silent > MAX_SILENT_BYTES:
                raise malformed(f"{MAX_SILENT_BYTES} bytes and no part among them")
        parser.close()
    except ParserLimitReached as error:
        raise HttpFault(413, HttpReason.BODY_TOO_LARGE, f"the form is over a limit: {error}") from error
    except MultipartError as error:
        raise malformed(_fault(error)) from error


def _fault(error: Any) -> str:
    return str(error.args[0]) if error.args else "unknown"


def _require_plain(segment: MultipartSegment) -> None:
    encoding = _header(segment, "Content-Transfer-Encoding").lower()
    if encoding not in PLAIN_ENCODINGS:
        message = f"Content-Transfer-Encoding {encoding[:50]!r} is not accepted; send the bytes as they are"
        raise HttpFault(415, HttpReason.MEDIA_TYPE_UNSUPPORTED, message)


def _header(segment: MultipartSegment, name: str) -> str:
    value: Any = cast("Any", segment).header(name, "")
    return str(value)


def _boundary(content_type: str) -> str:
    _, options = cast("tuple[str, dict[str, str]]", parse_options_header(content_type))
    return options.get("boundary", "")
