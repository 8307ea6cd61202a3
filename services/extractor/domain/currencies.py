"""Currencies by their signs, names and ISO 4217 codes."""

import re
from dataclasses import dataclass

_CODE_LIST = (
    "AED AFN ALL AMD AOA ARS AUD AZN BAM BBD BDT BGN BHD BND BOB BRL BWP BYN CAD CDF CHF CLP CNY COP CRC CUP "
    "CZK DKK DOP DZD EGP ETB EUR FJD GBP GEL GHS GTQ HKD HNL HRK HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES "
    "KGS KHR KRW KWD KZT LAK LBP LKR LYD MAD MDL MGA MKD MMK MNT MOP MUR MVR MXN MYR MZN NAD NGN NIO NOK NPR "
    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SEK SGD SYP THB TND TRY TTD TWD TZS UAH UGX "
    "USD UYU UZS VES VND XAF XOF YER ZAR ZMW"
)
_CODES = frozenset(_CODE_LIST.split())
_SIGNS = {
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "R$": "BRL", "MX$": "MXN", "€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW",
    "₪": "ILS", "₺": "TRY", "₴": "UAH", "₫": "VND", "₱": "PHP", "zł": "PLN", "Kč": "CZK", "Ft": "HUF",
    "Fr.": "CHF", "SFr.": "CHF",
}  # fmt: skip
_NAMES = {
    "euro": "EUR", "euros": "EUR", "us dollar": "USD", "us dollars": "USD", "dollars": "USD", "pounds": "GBP",
    "pounds sterling": "GBP", "british pounds": "GBP", "sterling": "GBP", "swiss francs": "CHF",
    "schweizer franken": "CHF", "franken": "CHF", "yen": "JPY", "rupees": "INR", "zloty": "PLN",
}  # fmt: skip
_SIGN = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_NAME = "|".join(sorted(_NAMES, key=len, reverse=True))
_TOKEN = re.compile(rf"({_SIGN})|(?<![A-Za-z])([A-Z]{{3}})(?![A-Za-z])|\b((?i:{_NAME}))\b")
_BEFORE = re.compile(rf"(?:({_SIGN})|(?<![A-Za-z])([A-Z]{{3}}))[ \u00a0\u202f]?$")
_AFTER = re.compile(rf"(?:,[-–—]+)?[ \u00a0\u202f]?(?:({_SIGN})(?![A-Za-z])|([A-Z]{{3}})(?![A-Za-z]))")
_REACH = 6


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency named in a text."""

    code: str
    start: int
    end: int


def is_currency_code(text: str) -> bool:
    """Whether the text is an ISO 4217 code in use."""
    return text in _CODES


def starts_with_code(text: str) -> bool:
    """Whether a code leads the text."""
    return text[:3] in _CODES


def find_currencies(text: str) -> list[Currency]:
    """Every currency a text names, in order."""
    return [found for match in _TOKEN.finditer(text) if (found := _named(match, 0)) is not None]


def currency_before(head: str) -> Currency | None:
    """The currency that ends `head`, the text before a number."""
    offset = max(0, len(head) - _REACH)
    match = _BEFORE.search(head[offset:])
    return _named(match, offset) if match else None


def currency_after(text: str, end: int) -> Currency | None:
    """The currency that follows a number ending at `end`, and where it ends."""
    match = _AFTER.match(text, end)
    return _named(match, 0) if match else None


def _named(match: re.Match[str], offset: int) -> Currency | None:
    code = next((_code_of(group) for group in match.groups() if group), None)
    return Currency(code, match.start() + offset, match.end() + offset) if code else None


def _code_of(word: str) -> str | None:
    return _SIGNS.get(word) or _NAMES.get(word.casefold()) or (word if word in _CODES else None)
