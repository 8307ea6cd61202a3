"""Reading one value of a kind out of the words beside its label."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from extractor.domain.amounts import Amount, find_amounts, read_amount
from extractor.domain.currencies import find_currencies
from extractor.domain.dates import DateOrder, date_readings, find_dates
from extractor.engines.builtin.lexicon import Kind

_ID = re.compile(r"[#№]?\s*((?:[A-Za-z]{1,5}[ \u00a0](?=\S*\d))?[A-Za-z0-9][\w./\-\u2010\u2011#]{0,40})")
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{2,4}){3,8}")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE = re.compile(r"(?:\+|\(|\d)[\d ()/.\-]{5,24}\d")
_PERCENT = re.compile(r"(\d{1,3}(?:[.,]\d{1,3})?)\s?%")
_ANGLE = re.compile(r"\s*<[^<>]*>\s*$|\s*\([^()]*@[^()]*\)\s*$")
_ADDRESS = re.compile(r",\s*(?=[^,]{0,60}\d)|\s+[·•|]\s+|\s+-\s+(?=[^-]*\d)")
_TRIM = " \t\"'“”„*_,;"
_FAR = 14
_LONGEST_NAME = 100
_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Habits:
    """How this document writes what can be read two ways."""

    mark: str | None
    order: DateOrder | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and where its words stand in the snippet; `end` is exclusive."""

    value: Any
    start: int
    end: int
    currency: str | None = None


Reader = Callable[[str, Habits], Reading | None]


def read(kind: Kind, snippet: str, habits: Habits) -> Reading | None:
    """The value of this kind at the head of a snippet; None when there is none."""
    return _READERS[kind](snippet, habits) if snippet else None


def _read_id(snippet: str, _habits: Habits) -> Reading | None:
    match = _IBAN.match(snippet) or _ID.match(snippet)
    if match is None:
        return None
    start = match.start(match.lastindex or 0)
    text = snippet[start : match.end()].rstrip("./-#")
    if not any(letter.isdigit() for letter in text) or date_readings(text) or _is_money(snippet):
        return None
    return Reading(text, start, start + len(text))


def _is_money(snippet: str) -> bool:
    amount = next(find_amounts(snippet[:40]), None)
    return amount is not None and amount.start == 0 and amount.looks_like_money


def _read_date(snippet: str, habits: Habits) -> Reading | None:
    found = next(find_dates(snippet[:80], habits.order), None)
    if found is None or found.start > _FAR:
        return None
    return Reading(found.day.isoformat(), found.start, found.end)


def _read_money(snippet: str, habits: Habits) -> Reading | None:
    """An amount with cents or a currency before a bare number; the words before it must be few."""
    whole = read_amount(snippet, habits.mark) if len(snippet) <= 24 else None
    amounts = [whole] if whole else list(find_amounts(snippet[:80], habits.mark))
    near = [amount for amount in amounts if amount.start <= _FAR]
    best = next((amount for amount in near if amount.looks_like_money), None) or _bare(near, snippet)
    return Reading(_number(best), best.start, best.end, best.currency) if best else None


def _bare(amounts: list[Amount], snippet: str) -> Amount | None:
    """A bare number counts only when it is all there is."""
    return next((one for one in amounts if not (snippet[: one.start] + snippet[one.end :]).strip(" .:;,*-")), None)


def _read_integer(snippet: str, habits: Habits) -> Reading | None:
    amount = next(find_amounts(snippet[:40], habits.mark), None)
    if amount is None or amount.start > _FAR or (amount.looks_like_money and amount.value % 1):
        return None
    value = int(amount.value) if amount.value % 1 == 0 else float(amount.value)
    return Reading(value, amount.start, amount.end)


def _read_percent(snippet: str, _habits: Habits) -> Reading | None:
    match = _PERCENT.search(snippet)
    return Reading(float(match[1].replace(",", ".")), match.start(), match.end()) if match else None


def _read_currency(snippet: str, _habits: Habits) -> Reading | None:
    found = next(iter(find_currencies(snippet[:60])), None)
    return Reading(found.code, found.start, found.end) if found else None


def _read_party(snippet: str, _habits: Habits) -> Reading | None:
    """A name: the address behind it, a mail address in brackets and quotation marks are cut off."""
    start = len(snippet) - len(snippet.lstrip(_TRIM))
    text = _ADDRESS.split(_ANGLE.sub("", snippet[start:]), maxsplit=1)[0].rstrip(_TRIM)
    if not _is_name(text):
        return None
    return Reading(text, start, start + len(text))


def _is_name(text: str) -> bool:
    letters = sum(letter.isalpha() for letter in text)
    digits = sum(letter.isdigit() for letter in text)
    return (
        letters >= 2
        and digits <= letters
        and len(text) <= _LONGEST_NAME
        and not date_readings(text)
        and "@" not in text
    )


def _read_text(snippet: str, _habits: Habits) -> Reading | None:
    text = snippet.strip(_TRIM)[:_LONGEST_TEXT]
    start = snippet.find(text)
    return Reading(text, start, start + len(text)) if text else None


def _pattern_reader(pattern: re.Pattern[str]) -> Reader:
    def reader(snippet: str, _habits: Habits) -> Reading | None:
        match = pattern.search(snippet[:200])
        return Reading(match.group(), match.start(), match.end()) if match else None

    return reader


def _number(amount: Amount) -> float | int:
    return int(amount.value) if amount.decimals == 0 else float(amount.value)


_READERS: Mapping[Kind, Reader] = {
    "id": _read_id,
    "date": _read_date,
    "money": _read_money,
    "integer": _read_integer,
    "percent": _read_percent,
    "currency": _read_currency,
    "email": _pattern_reader(_EMAIL),
    "phone": _pattern_reader(_PHONE),
    "party": _read_party,
    "name": _read_party,
    "text": _read_text,
}
