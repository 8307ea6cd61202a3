"""Which kind of text a text is: strong marks in it first, then the name, then its shape."""

import json
import re
from enum import StrEnum

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.decoding import bare_utf16, marked_encoding
from extractor.parse.dialects import delimiter_of


class TextKind(StrEnum):
    """Text formats that can be read, as their media types."""

    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    HTML = "text/html"
    EML = "message/rfc822"
    MARKDOWN = "text/markdown"
    PLAIN = "text/plain"
    JSON = "application/json"
    NDJSON = "application/x-ndjson"


_BY_SUFFIX = {
    ".csv": TextKind.CSV,
    ".tsv": TextKind.TSV,
    ".tab": TextKind.TSV,
    ".html": TextKind.HTML,
    ".htm": TextKind.HTML,
    ".xhtml": TextKind.HTML,
    ".eml": TextKind.EML,
    ".md": TextKind.MARKDOWN,
    ".markdown": TextKind.MARKDOWN,
    ".txt": TextKind.PLAIN,
    ".text": TextKind.PLAIN,
    ".log": TextKind.PLAIN,
    ".json": TextKind.JSON,
    ".ndjson": TextKind.NDJSON,
    ".jsonl": TextKind.NDJSON,
}
_PAGE = re.compile(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_XML = re.compile(r"<\?xml\b|<svg\b|<!doctype\b", re.IGNORECASE)
_TAG = re.compile(r"<(head|body|meta|title|div|p|table|span|h[1-6]|ul|ol|center|font)\b[^<>]*>", re.IGNORECASE)
_HEADER_BLOCK = re.compile(r"(From .*\n)?((?:[!-9;-~]+:.*\n|[ \t]+\S.*\n)+)(\n|\Z)")
_HEADER_NAME = re.compile(r"^([!-9;-~]+):", re.MULTILINE)
_TRANSPORT = frozenset({"received", "return-path", "mime-version", "message-id", "delivered-to", "dkim-signature"})
_LETTER = frozenset({"from", "to", "date", "subject", "cc", "reply-to", "sender"})
_JSON = re.compile(r'\{\s*["}]|\[\s*[\[{"\]]')


def text_kind(head: bytes, suffix: str) -> TextKind:
    """The kind of a text by its first bytes and the suffix of its name."""
    text = _rough_text(head)
    named = _BY_SUFFIX.get(suffix)
    return _by_marks(text, named) or named or _by_shape(text)


def _rough_text(head: bytes) -> str:
    encoding = marked_encoding(head) or bare_utf16(head) or "utf-8"
    return head.decode(encoding, errors="replace").replace("\r\n", "\n").lstrip("\ufeff \t\n\r")


def _by_marks(text: str, named: TextKind | None) -> TextKind | None:
    if _PAGE.match(text):
        return TextKind.HTML
    if _XML.match(text):
        raise DocumentFault(
            FailureCode.UNSUPPORTED_TYPE,
            "the file is an XML document; convert it to CSV, JSON or PDF and upload it again",
        )
    if _is_mail(text, named):
        return TextKind.EML
    return _json_kind(text, named) if _JSON.match(text) else None


def _is_mail(text: str, named: TextKind | None) -> bool:
    """Transport headers are certain; a memo that begins `From: … To: …` is a letter only while its name is silent."""
    block = _HEADER_BLOCK.match(text)
    if block is None:
        return False
    names = {name.lower() for name in _HEADER_NAME.findall(block[2])}
    return len(names & (_TRANSPORT | _LETTER)) >= 2 and bool(names & _TRANSPORT or named in {None, TextKind.EML})


def _json_kind(text: str, named: TextKind | None) -> TextKind | None:
    if named in {TextKind.MARKDOWN, TextKind.PLAIN, TextKind.CSV, TextKind.TSV}:
        return None
    first, _, rest = text.partition("\n")
    return TextKind.NDJSON if rest.lstrip()[:1] in {"{", "["} and _is_json(first) else TextKind.JSON


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _by_shape(text: str) -> TextKind:
    if _TAG.match(text):
        return TextKind.HTML
    match delimiter_of(text):
        case "\t":
            return TextKind.TSV
        case None:
            return TextKind.PLAIN
        case _:
            return TextKind.CSV
