"""Does the document say so? Each value is looked up in the words it was taken from.

The confidence of a field, by rule:

| what was found | confidence |
|---|---|
| the cited quote stands on the cited page, and the value can be read out of the quote | 0.95 |
| the same, but the engine named no page or the wrong one | 0.85 |
| no quote was cited, but the value stands verbatim in the text, once | 0.70 |
| the same, but more than once, so that its place is a guess | 0.50 |
| anything else: not grounded | 0 |
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from extractor.domain.amounts import numbers_in
from extractor.domain.currencies import find_currencies, is_currency_code
from extractor.domain.dates import date_readings
from extractor.domain.extraction import Citation
from extractor.domain.pages import Page, ParsedDocument

CITED = 0.95
MISPLACED = 0.85
FOUND_ONCE = 0.70
FOUND_OFTEN = 0.50
UNGROUNDED = 0.0

_DASHES = {ord(dash): "-" for dash in "‐‑‒–—−"}  # noqa: RUF001 - what typesetters use
_QUOTES = {ord(mark): "'" for mark in "‘’‚`´"} | {ord(mark): '"' for mark in "“”„«»"}  # noqa: RUF001
_PLAIN = _DASHES | _QUOTES | {0xAD: None}
_HYPHENATED = re.compile(r"(?<=[^\W\d_])-[ \t]*\n\s*(?=[^\W\d_])")
_SPACE = re.compile(r"[\s|]+")
_LOOSE = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class GroundedField:
    """One value that is not null, and what stands behind it."""

    path: str
    """JSON pointer into the values."""
    value: Any
    quote: str
    """The words that carry it; empty when none do."""
    page: int
    """From 1; 0 when the value was found nowhere."""
    grounded: bool
    confidence: float


def ground(
    values: Mapping[str, Any], citations: Iterable[Citation], document: ParsedDocument
) -> tuple[GroundedField, ...]:
    """Check every leaf of `values` that is not null against the text; each page is normalised once."""
    cited = {citation.path: citation for citation in citations}
    pages = [_NormalPage(page) for page in document.pages]
    return tuple(_ground_leaf(path, value, _citation_for(path, cited), pages) for path, value in leaves(values))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """JSON pointers and values of all scalars that are not null, in document order."""
    if isinstance(value, Mapping):
        for key, child in cast("Mapping[str, Any]", value).items():
            yield from leaves(child, f"{path}/{_escape(key)}")
    elif isinstance(value, list):
        for index, child in enumerate(cast("list[Any]", value)):
            yield from leaves(child, f"{path}/{index}")
    elif value is not None:
        yield path, value


def can_be_read(value: Any, quote: str) -> bool:
    """Whether the quote says this value, in any usual spelling of numbers, dates and currencies."""
    if isinstance(value, bool):
        return bool(quote.strip())
    if isinstance(value, int | float):
        return _decimal(value) in numbers_in(quote)
    text = str(value)
    return _contains(quote, text) or _says_date(quote, text) or _says_currency(quote, text) or _says_number(quote, text)


def normalise(text: str) -> str:
    """Case, white space, dashes, quotation marks and hyphenation at line ends made equal."""
    composed = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return _SPACE.sub(" ", _HYPHENATED.sub("", composed)).strip().casefold()


class _NormalPage:
    """A page and its normalised text, made when first asked for."""

    def __init__(self, page: Page) -> None:
        self.number = page.number
        self._text = page.text
        self._normal: str | None = None
        self._loose: str | None = None

    @property
    def text(self) -> str:
        return self._text

    @property
    def normal(self) -> str:
        if self._normal is None:
            self._normal = normalise(self._text)
        return self._normal

    @property
    def loose(self) -> str:
        if self._loose is None:
            self._loose = _LOOSE.sub("", self.normal)
        return self._loose

    def holds(self, quote: str) -> bool:
        normal = normalise(quote)
        if not normal:
            return False
        if normal in self.normal:
            return True
        loose = _LOOSE.sub("", normal)
        return len(loose) >= 4 and loose in self.loose


def _ground_leaf(path: str, value: Any, citation: Citation | None, pages: list[_NormalPage]) -> GroundedField:
    if citation is not None and citation.quote.strip():
        return _check_citation(path, value, citation, pages)
    return _look_up(path, value, pages)


def _check_citation(path: str, value: Any, citation: Citation, pages: list[_NormalPage]) -> GroundedField:
    page = _page_of(citation, pages)
    if page == 0 or not can_be_read(value, citation.quote):
        return GroundedField(path, value, citation.quote, page, grounded=False, confidence=UNGROUNDED)
    confidence = CITED if page == citation.page else MISPLACED
    return GroundedField(path, value, citation.quote, page, grounded=True, confidence=confidence)


def _page_of(citation: Citation, pages: list[_NormalPage]) -> int:
    """The cited page when it holds the quote, else the first that does, else 0."""
    ordered = sorted(pages, key=lambda page: page.number != citation.page)
    return next((page.number for page in ordered if page.holds(citation.quote)), 0)


def _look_up(path: str, value: Any, pages: list[_NormalPage]) -> GroundedField:
    places = [(page, line) for page in pages for line in _lines_with(value, page)]
    if not places:
        return GroundedField(path, value, "", 0, grounded=False, confidence=UNGROUNDED)
    page, line = places[0]
    confidence = FOUND_ONCE if len(places) == 1 else FOUND_OFTEN
    return GroundedField(path, value, line, page.number, grounded=True, confidence=confidence)


def _lines_with(value: Any, page: _NormalPage) -> list[str]:
    """Lines that say the value; a boolean or a single sign is said by any line, so by none."""
    if isinstance(value, bool) or len(str(value).strip()) < 2:
        return []
    return [line.strip() for line in page.text.splitlines() if can_be_read(value, line)]


def _citation_for(path: str, cited: Mapping[str, Citation]) -> Citation | None:
    """The citation of the value itself, else of the row or object it stands in."""
    while path:
        if path in cited:
            return cited[path]
        path = path.rpartition("/")[0]
    return None


def _contains(quote: str, text: str) -> bool:
    wanted, said = normalise(text), normalise(quote)
    if not wanted:
        return False
    if re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", said):
        return True
    loose = _LOOSE.sub("", wanted)
    return len(loose) >= 4 and loose in _LOOSE.sub("", said)


def _says_date(quote: str, text: str) -> bool:
    try:
        return date.fromisoformat(text) in date_readings(quote)
    except ValueError:
        return False


def _says_currency(quote: str, text: str) -> bool:
    return is_currency_code(text) and any(found.code == text for found in find_currencies(quote))


def _says_number(quote: str, text: str) -> bool:
    wanted = _decimal(text)
    return wanted is not None and wanted in numbers_in(quote)


def _decimal(value: float | str) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
