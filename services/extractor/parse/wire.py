"""What passes between a worker and its parser children: length-prefixed JSON frames over a pair of pipes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Page, ParsedDocument
from extractor.parse.limits import ParseLimits

LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Request:
    """Parse this file; it is handed over by path so that its size costs neither side memory."""

    path: str
    name: str
    limits: ParseLimits


@dataclass(frozen=True, slots=True)
class Ready:
    """A child's first words: it is warm, and these walls stand."""

    walls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one document came to: `document` or `fault`."""

    document: ParsedDocument | None
    fault: DocumentFault | None
    is_last: bool
    """The child ends after this answer: its memory cannot be trusted any more."""
    resident_bytes: int


def frame(message: Request | Ready | Answer) -> bytes:
    """The message with its length in front."""
    body = orjson.dumps(message, default=_plain)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def request_of(body: bytes) -> Request:
    """The request a worker sent."""
    fields: dict[str, Any] = orjson.loads(body)
    return Request(fields["path"], fields["name"], ParseLimits(**fields["limits"]))


def ready_of(body: bytes) -> Ready:
    """A child's first words."""
    return Ready(tuple(orjson.loads(body)["walls"]))


def answer_of(body: bytes) -> Answer:
    """The answer a child gave."""
    fields: dict[str, Any] = orjson.loads(body)
    document, fault = fields["document"], fields["fault"]
    return Answer(
        document=None if document is None else _document(document),
        fault=None if fault is None else DocumentFault(FailureCode(fault["code"]), fault["message"]),
        is_last=fields["is_last"],
        resident_bytes=fields["resident_bytes"],
    )


def source_path(request: Request) -> Path:
    """Where the file lies."""
    return Path(request.path)


def _plain(value: object) -> object:
    if isinstance(value, DocumentFault):
        return {"code": value.code, "message": value.message}
    raise TypeError(type(value).__name__)


def _document(fields: dict[str, Any]) -> ParsedDocument:
    return ParsedDocument(
        fields["media_type"], tuple(_page(page) for page in fields["pages"]), tuple(fields["warnings"])
    )


def _page(fields: dict[str, Any]) -> Page:
    written: list[list[list[str]]] = fields["tables"]
    tables = tuple(tuple(map(tuple, table)) for table in written)
    return Page(fields["number"], fields["text"], tables)
