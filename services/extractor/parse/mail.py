"""EML: the headers and the body are the first page, the pages of each attachment follow.

The old `compat32` policy parses, because the structured header parser of the new one raises AttributeError and its like
at headers that break the grammar, which mail often does. Of an attachment whose type cannot be read, the name stands on
the first page.
"""

import email
from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from typing import cast

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Table
from extractor.parse import html
from extractor.parse.decoding import decode
from extractor.parse.gathering import Gathering
from extractor.parse.limits import MIB
from extractor.parse.source import Source

ATTACHMENT_SKIPPED = "ATTACHMENT_SKIPPED"
MOST_BYTES = 200 * MIB
MOST_ATTACHMENTS = 200

ReadAttachment = Callable[[Source, Gathering], object]

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_SUFFIXES = {"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv"}
_FATAL = frozenset({FailureCode.RESOURCE_LIMIT, FailureCode.TOO_MANY_PAGES})


def read(source: Source, sheets: Gathering, read_attachment: ReadAttachment) -> None:
    """Add the message and all that is attached to it, down to the depth the gathering allows."""
    message = email.message_from_bytes(source.read(MOST_BYTES), policy=compat32)
    attachments = list(_attachments(message, sheets))
    text, tables = _body(message, sheets)
    listed = "".join(f"Attachment: {attached.name}\n" for attached in attachments)
    sheets.add("".join(_headers(message, sheets)) + "\n" + text + listed, tables)
    for attached in attachments:
        _add(attached, sheets, read_attachment)


def _add(attached: Source, sheets: Gathering, read_attachment: ReadAttachment) -> None:
    with sheets.nested():
        try:
            read_attachment(attached, sheets)
        except DocumentFault as fault:
            if fault.code in _FATAL:
                raise
            sheets.warn(ATTACHMENT_SKIPPED)


def _headers(message: Message, sheets: Gathering) -> Iterator[str]:
    for name in _SHOWN:
        if value := _decoded(message.get(name), sheets):
            yield f"{name}: {value}\n"


def _decoded(value: object, sheets: Gathering) -> str:
    """A header in its own letters; encoded words that cannot be decoded stay as they are."""
    text = str(value or "")
    try:
        words = decode_header(text)
    except HeaderParseError:
        words = [(text, None)]
    pieces = (decode(word, sheets, charset) if isinstance(word, bytes) else word for word, charset in words)
    return " ".join("".join(pieces).split())


def _body(message: Message, sheets: Gathering) -> tuple[str, list[Table]]:
    texts: list[str] = []
    tables: list[Table] = []
    for part in _shown(message):
        text = decode(_content(part), sheets, part.get_content_charset())
        if part.get_content_type() == "text/html":
            text, found = html.visible(text, sheets)
            tables += found
        texts.append(text.rstrip() + "\n")
    return "".join(texts), tables


def _shown(message: Message) -> Iterator[Message]:
    """The parts a reader shows as the body: of alternatives the plain one, else the first."""
    if message.get_content_type() == "multipart/alternative":
        forms = [form for part in _parts(message) if (form := list(_shown(part)))]
        yield from next((form for form in forms if _is_plain(form)), forms[0] if forms else [])
    elif message.get_content_maintype() == "multipart":
        for part in _parts(message):
            yield from _shown(part)
        if not message.is_multipart():
            yield message
    elif _is_text(message):
        yield message


def _attached(message: Message) -> Iterator[Message]:
    if message.get_content_maintype() == "multipart":
        for part in _parts(message):
            yield from _attached(part)
    elif not _is_text(message):
        yield message


def _attachments(message: Message, sheets: Gathering) -> Iterator[Source]:
    for number, part in enumerate(_attached(message), start=1):
        if number > MOST_ATTACHMENTS:
            raise DocumentFault(FailureCode.RESOURCE_LIMIT, f"the message has more than {MOST_ATTACHMENTS} attachments")
        name = _decoded(part.get_filename(), sheets) or f"{number}{_SUFFIXES.get(part.get_content_type(), '')}"
        yield Source(name, _content(part))


def _parts(message: Message) -> list[Message]:
    """None when a multipart message has no boundary, and so is text after all."""
    return cast("list[Message]", message.get_payload()) if message.is_multipart() else []


def _is_text(part: Message) -> bool:
    is_readable = part.get_content_type() in {"text/plain", "text/html"}
    return is_readable and part.get_content_disposition() != "attachment"


def _is_plain(form: list[Message]) -> bool:
    return all(part.get_content_type() == "text/plain" for part in form)


def _content(part: Message) -> bytes:
    if part.is_multipart():
        return b"".join(inner.as_bytes() for inner in _parts(part))
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
