"""Bytes to text in whatever encoding they are: byte order mark, UTF-8, bare UTF-16, then statistics."""

import codecs

from charset_normalizer import from_bytes

from extractor.parse.gathering import TEXT_REPLACED, Gathering

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "koi8_r",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "euc_kr",
]
_SAMPLE = 64 << 10
_WESTERN = frozenset("äöüÄÖÜßéèêëàâçñíîïóôúùûáÉÈÀÇÑ£€§°–—‘’“”«»…©®µøåØÅãõ")


def marked_encoding(content: bytes) -> str | None:
    """The encoding a byte order mark names."""
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)


def bare_utf16(content: bytes) -> str | None:
    """UTF-16 without a mark: at least 40 % NULs in the first KiB, nearly all in every second byte."""
    head = content[:1024]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd < 0.4 * len(head) or min(even, odd) > 0.05 * len(head):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def decode(content: bytes, sheets: Gathering, declared: str | None = None) -> str:
    """The text; NULs and bytes that fit nowhere become U+FFFD, with a warning. Only a mark outranks `declared`."""
    encoding = marked_encoding(content) or _known(declared) or _guess(content)
    text = content.decode(encoding, errors="replace").replace("\0", "\ufffd")
    if "\ufffd" in text:
        sheets.warn(TEXT_REPLACED)
    return text


def _known(name: str | None) -> str | None:
    """The name of a text encoding Python has; what the document declares may be anything."""
    try:
        "".encode(name or "")
    except (LookupError, ValueError):
        return None
    return name


def _guess(content: bytes) -> str:
    if (encoding := bare_utf16(content)) is not None:
        return encoding
    if _mostly_utf8(content):
        return "utf-8"
    telling = b"\n".join(line for line in content.split(b"\n") if not line.isascii())[:_SAMPLE]
    if _plainly_western(telling):
        return "cp1252"
    best = from_bytes(telling, cp_isolation=_CANDIDATES, enable_fallback=False).best()
    return best.encoding if best else "cp1252"


def _plainly_western(sample: bytes) -> bool:
    """Sparse and familiar accents, of which a short text has too few for statistics."""
    accents = [character for character in sample.decode("cp1252", errors="replace") if character > "\x7f"]
    return len(accents) < 0.25 * len(sample) and _WESTERN.issuperset(accents)


def _mostly_utf8(content: bytes) -> bool:
    """A few broken bytes do not make Latin-1 of a text whose other umlauts are sound UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        text = content[:_SAMPLE].decode("utf-8", errors="replace")
        broken = text.count("\ufffd")
        return sum(character > "\x7f" for character in text) - broken > broken
    return True
