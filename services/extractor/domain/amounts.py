"""Numbers and amounts of money as documents write them: `1,234.56`, `1.234,56 €`, `CHF 1'234.50`, `(12.00)`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from extractor.domain.currencies import currency_after, currency_before, starts_with_code

_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")
_SPACED = re.compile(r"\d{1,3}(?: \d{3})+(?:,\d{1,2})?")
_SEPARATOR = re.compile(r"[^\d]")
_TRAILING_MINUS = re.compile(r"\s?[-−](?![\w-])")
_MINUS = "-−"
_CENTS = re.compile(r"(?<![\d.,])\d{1,3}(?:[.'’]\d{3})*,\d{2}(?![\d.,])")
_CENTS_POINT = re.compile(r"(?<![\d.,])\d{1,3}(?:[,'’]\d{3})*\.\d{2}(?![\d.,])")


@dataclass(frozen=True, slots=True)
class Amount:
    """One number in a text."""

    value: Decimal
    currency: str | None
    """ISO 4217 code of the currency written beside it."""
    decimals: int
    start: int
    """Of the whole expression with sign and currency; `end` is exclusive."""
    end: int

    @property
    def looks_like_money(self) -> bool:
        """Whether more than bare digits speaks for an amount."""
        return self.currency is not None or self.decimals == 2


def decimal_mark(texts: Iterable[str]) -> str | None:
    """The decimal mark the document uses, by majority of the numbers with cents; None without evidence."""
    commas = points = 0
    for text in texts:
        commas += len(_CENTS.findall(text))
        points += len(_CENTS_POINT.findall(text))
    if commas == points:
        return None
    return "," if commas > points else "."


def find_amounts(text: str, mark: str | None = None) -> Iterator[Amount]:
    """All numbers of a text that are not a part of a date, a time, an id or a percentage."""
    for match in _NUMBER.finditer(text):
        value = read_number(match.group(), mark)
        if value is None or not _stands_alone(text, match.start(), match.end()):
            continue
        yield _with_surroundings(text, match, value)


def read_amount(text: str, mark: str | None = None) -> Amount | None:
    """The first amount of a text; thousands parted by plain spaces are understood only here.

    In running text `2 100,00` may be a quantity and a price, so the caller vouches that the text is one value.
    """
    spaced = _SPACED.search(text)
    joined = text
    if spaced is not None and mark != ".":
        joined = text[: spaced.start()] + spaced.group().replace(" ", "\u00a0") + text[spaced.end() :]
    return next(find_amounts(joined, mark), None)


def read_number(token: str, mark: str | None = None) -> Decimal | None:
    """Read digits with separators; `mark` says what `1.234` and `1,234` mean, without it they are read in English."""
    separators = _SEPARATOR.findall(token)
    groups = _SEPARATOR.split(token)
    if not separators:
        return Decimal(token)
    if _last_is_decimal(separators, groups, mark):
        whole, fraction = groups[:-1], groups[-1]
        return Decimal("".join(whole) + "." + fraction) if _are_thousands(whole) else None
    return Decimal("".join(groups)) if _are_thousands(groups) else None


def number_readings(token: str) -> set[Decimal]:
    """Every value that the digits may stand for, under either convention."""
    readings = {read_number(token, mark) for mark in (".", ",")}
    return {reading for reading in readings if reading is not None}


def numbers_in(text: str) -> set[Decimal]:
    """Every value any number of a text may stand for, with its sign; for comparing, not for extracting."""
    found: set[Decimal] = set()
    for pattern in (_NUMBER, _SPACED):
        for match in pattern.finditer(text):
            sign = -1 if _is_negative(text, match.start(), match.end()) else 1
            found.update(sign * reading for reading in number_readings(match.group().replace(" ", "\u00a0")))
    return found


def _last_is_decimal(separators: list[str], groups: list[str], mark: str | None) -> bool:
    last = separators[-1]
    if last not in ".,":
        return False
    if len(separators) > 1:
        return separators.count(last) == 1
    if len(groups[-1]) != 3 or len(groups[0]) > 3 or groups[0] == "0":
        return True
    return last == (mark or ".")


def _are_thousands(groups: list[str]) -> bool:
    """Groups of three; groups of two before the last one are Indian lakhs."""
    if len(groups) == 1:
        return True
    inner = groups[1:-1]
    return len(groups[0]) <= 3 and len(groups[-1]) == 3 and all(len(group) in {2, 3} for group in inner)


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not _continues_before(before, text[:start]) and not _continues_after(after, text, end)


def _continues_before(before: str, head: str) -> bool:
    if not before:
        return False
    last = before[-1]
    if last in "/:#_.,":
        return last in "/#_" or before[0].isdigit()
    if last in _MINUS:
        return len(before) == 2 and before[0].isalnum()
    return last.isalpha() and currency_before(head) is None


def _continues_after(after: str, text: str, end: int) -> bool:
    if not after:
        return False
    if after[0] == "%" or after.lstrip().startswith("%"):
        return True
    if after[0] in "/:-" and len(after) == 2:
        return after[1].isalnum() and not starts_with_code(text[end + 1 : end + 5])
    return after[0].isalpha() and currency_after(text, end) is None


def _with_surroundings(text: str, match: re.Match[str], value: Decimal) -> Amount:
    start, end = match.span()
    exponent = value.as_tuple().exponent
    negative = _is_negative(text, start, end)
    before = currency_before(text[:start].rstrip(_MINUS + "("))
    after = currency_after(text, end)
    if before is not None:
        start = before.start
    if after is not None:
        end = after.end
    code = after or before
    decimals = -exponent if isinstance(exponent, int) else 0
    return Amount(-value if negative else value, code.code if code else None, decimals, start, end)


def _is_negative(text: str, start: int, end: int) -> bool:
    code = currency_before(text[:start])
    head = text[: code.start if code else start].rstrip()
    near = text[start - 1 : start] if start else ""
    if near in _MINUS and near:
        return not text[max(0, start - 2) : start - 1].isalnum()
    if head.endswith(tuple(_MINUS)) and (code is not None) and not head[-2:-1].isalnum():
        return True
    if head.endswith("("):
        return text[end : end + 6].lstrip(" €$£").startswith(")")
    return _TRAILING_MINUS.match(text, end) is not None and not text[end : end + 3].startswith(" - ")
