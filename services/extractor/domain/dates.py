"""Dates as documents write them, read into calendar days."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

_MONTHS = (
    "january jan januar janner janvier janv enero ene gennaio gen januari janeiro",
    "february feb februar fevrier fevr fev febrero febbraio februari fevereiro",
    "march mar marz mrz maerz mars marzo maart mrt marco",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag mei maio",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug aout agosto ago augustus",
    "september sep sept septembre septiembre settembre set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez decembre diciembre dic dicembre desember dezembro",
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_NUMERIC = re.compile(r"(?<![\d.,/-])(\d{1,4})([./-])\s?(\d{1,2})\2\s?(\d{4}|\d{2})(?![\d/-]|[.,]\d)")
_DAY_FIRST = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|\.|º|er)?[ \u00a0\n-]{0,2}(?:(?:de|of) )?([^\W\d_]{3,10})[.,]?"
    r"[ \u00a0\n-]{1,2}(?:(?:de|del) )?(\d{4}|\d{2})(?!\d)"
)
_MONTH_FIRST = re.compile(
    r"(?<!\w)([^\W\d_]{3,10})\.?[ \u00a0\n]{1,2}(\d{1,2})(?:st|nd|rd|th)?,?[ \u00a0\n]{1,2}(\d{4})(?!\d)"
)
_EASTERN = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")
_CENTURY = 2000
_PIVOT = 70


class DateOrder(Enum):
    """How `03/04/2026` is to be read."""

    DAY_FIRST = "DAY_FIRST"
    MONTH_FIRST = "MONTH_FIRST"


@dataclass(frozen=True, slots=True)
class FoundDate:
    """One date in a text; `end` is exclusive."""

    day: date
    start: int
    end: int


def date_order(texts: Iterable[str]) -> DateOrder | None:
    """The order the document itself proves by a date that only fits one way; None without or against evidence."""
    proofs = {proof for text in texts for match in _NUMERIC.finditer(text) if (proof := _proof(match)) is not None}
    return proofs.pop() if len(proofs) == 1 else None


def find_dates(text: str, order: DateOrder | None = None) -> Iterator[FoundDate]:
    """All dates of a text in order of place; one that could be read two ways is left out unless `order` decides it."""
    found = [*_numeric(text, order), *_worded(text)]
    return iter(sorted(found, key=lambda item: item.start))


def date_readings(text: str) -> set[date]:
    """Every day that any date of a text may stand for."""
    return {found.day for order in DateOrder for found in find_dates(text, order)}


def _numeric(text: str, order: DateOrder | None) -> Iterator[FoundDate]:
    for match in _NUMERIC.finditer(text):
        day = _read_numeric(match, order)
        if day is not None:
            yield FoundDate(day, match.start(), match.end())
    for match in _EASTERN.finditer(text):
        day = _day(int(match[1]), int(match[2]), int(match[3]))
        if day is not None:
            yield FoundDate(day, match.start(), match.end())


def _read_numeric(match: re.Match[str], order: DateOrder | None) -> date | None:
    first, separator, second, third = match.groups()
    if len(first) == 4:
        return _day(int(first), int(second), int(third)) if len(third) == 2 else None
    if len(first) > 2 or (len(third) == 2 and separator == "-"):
        return None
    year = _full_year(third)
    decided = _proof(match) or order or (DateOrder.DAY_FIRST if first == second else None)
    if decided is None:
        return None
    day, month = (first, second) if decided is DateOrder.DAY_FIRST else (second, first)
    return _day(year, int(month), int(day))


def _proof(match: re.Match[str]) -> DateOrder | None:
    """Dots are never month first; a part above 12 can only be the day."""
    first, separator, second, _ = match.groups()
    if len(first) > 2:
        return None
    if separator == "." or int(first) > 12:
        return DateOrder.DAY_FIRST
    return DateOrder.MONTH_FIRST if int(second) > 12 else None


def _worded(text: str) -> Iterator[FoundDate]:
    for pattern, day_group, month_group in ((_DAY_FIRST, 1, 2), (_MONTH_FIRST, 2, 1)):
        for match in pattern.finditer(text):
            month = _MONTH_OF.get(_plain(match[month_group]))
            day = _day(_full_year(match[3]), month, int(match[day_group])) if month else None
            if day is not None:
                yield FoundDate(day, match.start(), match.end())


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return _CENTURY + year if year < _PIVOT else _CENTURY - 100 + year


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
