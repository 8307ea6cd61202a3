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
from functools import cached_property
from itertools import accumulate
from typing import Any, cast

from extractor.domain.amounts import numbers_in
from extractor.domain.currencies import find_currencies
from extractor.domain.dates import date_readings
from extractor.domain.extraction import Citation
from extractor.domain.pages import Page, ParsedDocument

CITED = 0.95
MISPLACED = 0.85
FOUND_ONCE = 0.70
FOUND_OFTEN = 0.50
UNGROUNDED = 0.0

_DASHES = {ord(dash): "-" for dash in "‐‑‒–—−"}
_QUOTES = {ord(mark): "'" for mark in "‘’‚`´"} | {ord(mark): '"' for mark in "“”„«»"}
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
    pages = [_Sheet(page) for page in document.pages]
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
    """Whether the quote says this value."""
    return _Words(quote).says(_Sought(value))


def normalise(text: str) -> str:
    """Case, white space, dashes, quotation marks and hyphenation at line ends made equal."""
    composed = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return _SPACE.sub(" ", _HYPHENATED.sub("", composed)).strip().casefold()


@dataclass(frozen=True)
class _Words:
    """A text and what can be read out of it, each worked out once and only when asked for."""

    raw: str

    @cached_property
    def normal(self) -> str:
        return normalise(self.raw)

    @cached_property
    def loose(self) -> tuple[str, ...]:
        return tuple(word for word in _LOOSE.split(self.normal) if word)

    @cached_property
    def numbers(self) -> set[Decimal]:
        return numbers_in(self.raw)

    @cached_property
    def dates(self) -> set[date]:
        return date_readings(self.raw)

    @cached_property
    def currencies(self) -> set[str]:
        return {found.code for found in find_currencies(self.raw)}

    @cached_property
    def spelled(self) -> tuple[str, frozenset[int]]:
        """All words written together, and where words begin and end in that."""
        return "".join(self.loose), frozenset(accumulate(map(len, self.loose), initial=0))

    def holds(self, sought: "_Sought") -> bool:
        """Whether the text stands here as whole words, punctuation and spacing aside."""
        return _stands_in(sought.normal, self.normal) or _runs_through(sought.loose, *self.spelled)

    def says(self, sought: "_Sought") -> bool:
        """Whether the value can be read here in any usual spelling of numbers, dates and currencies."""
        if isinstance(sought.value, bool):
            return bool(self.normal)
        if sought.number is not None and sought.number in self.numbers:
            return True
        if isinstance(sought.value, int | float):
            return False
        return self.holds(sought) or str(sought.value) in self.currencies or sought.day in self.dates


@dataclass(frozen=True)
class _Sought:
    """A value or a quote, in the spellings it is looked for."""

    value: Any

    @cached_property
    def normal(self) -> str:
        return normalise(str(self.value))

    @cached_property
    def loose(self) -> str:
        return "".join(_LOOSE.split(self.normal))

    @cached_property
    def number(self) -> Decimal | None:
        return _decimal(self.value)

    @cached_property
    def day(self) -> date | None:
        return _date(str(self.value))


@dataclass(frozen=True)
class _Sheet:
    """A page with its words and its lines."""

    page: Page

    @cached_property
    def words(self) -> _Words:
        return _Words(self.page.text)

    @cached_property
    def lines(self) -> tuple[_Words, ...]:
        return tuple(_Words(line.strip()) for line in self.page.text.splitlines())


def _ground_leaf(path: str, value: Any, citation: Citation | None, pages: list[_Sheet]) -> GroundedField:
    if citation is not None and citation.quote.strip():
        return _check_citation(path, value, citation, pages)
    return _look_up(path, value, pages)


def _check_citation(path: str, value: Any, citation: Citation, pages: list[_Sheet]) -> GroundedField:
    page = _page_of(citation, pages)
    if page == 0 or not can_be_read(value, citation.quote):
        return GroundedField(path, value, citation.quote, page, grounded=False, confidence=UNGROUNDED)
    confidence = CITED if page == citation.page else MISPLACED
    return GroundedField(path, value, citation.quote, page, grounded=True, confidence=confidence)


def _page_of(citation: Citation, pages: list[_Sheet]) -> int:
    """The cited page when it holds the quote, else the first that does, else 0."""
    quote = _Sought(citation.quote)
    ordered = sorted(pages, key=lambda sheet: sheet.page.number != citation.page)
    return next((sheet.page.number for sheet in ordered if sheet.words.holds(quote)), 0)


def _look_up(path: str, value: Any, pages: list[_Sheet]) -> GroundedField:
    sought = _Sought(value)
    places = [(sheet.page.number, line.raw) for sheet in pages for line in _lines_with(sought, sheet)]
    if not places:
        return GroundedField(path, value, "", 0, grounded=False, confidence=UNGROUNDED)
    page, quote = places[0]
    confidence = FOUND_ONCE if len(places) == 1 else FOUND_OFTEN
    return GroundedField(path, value, quote, page, grounded=True, confidence=confidence)


def _lines_with(sought: _Sought, sheet: _Sheet) -> Iterator[_Words]:
    """Lines that say the value; a boolean or a single sign is said by any line, so by none."""
    if isinstance(sought.value, bool) or len(sought.normal) < 2:
        return iter(())
    return (line for line in sheet.lines if line.says(sought)) if sheet.words.says(sought) else iter(())


def _citation_for(path: str, cited: Mapping[str, Citation]) -> Citation | None:
    """The citation of the value itself, else of the row or object it stands in."""
    while path:
        if path in cited:
            return cited[path]
        path = path.rpartition("/")[0]
    return None


def _stands_in(wanted: str, text: str) -> bool:
    """Whether `wanted` occurs and neither end cuts a word."""
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        end = start + len(wanted)
        if not _cuts_word(text, start) and not _cuts_word(text, end):
            return True
        start = text.find(wanted, start + 1)
    return False


def _cuts_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _runs_through(wanted: str, spelled: str, bounds: frozenset[int]) -> bool:
    """Whether consecutive words, written together, spell `wanted`."""
    if len(wanted) < 4:
        return False
    at = spelled.find(wanted)
    while at >= 0:
        if at in bounds and at + len(wanted) in bounds:
            return True
        at = spelled.find(wanted, at + 1)
    return False


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _decimal(value: float | str) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
