"""Words of a text in one plain spelling, each with its place."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+|[#№]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


class Token(NamedTuple):
    """One word; `end` is exclusive."""

    word: str
    start: int
    end: int


def tokenise(text: str) -> list[Token]:
    """Words without case and accents; `invoiceNumber` and `invoice_number` are two words each."""
    tokens: list[Token] = []
    for match in _WORD.finditer(text):
        word = match.group()
        if _CAMEL.search(word):
            tokens.extend(_humps(word, match.start()))
        else:
            tokens.append(Token(plain(word), match.start(), match.end()))
    return tokens


@lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """The words alone."""
    return tuple(token.word for token in tokenise(text))


@lru_cache(maxsize=16384)
def plain(word: str) -> str:
    """Case-folded, accents taken off."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _humps(word: str, start: int) -> list[Token]:
    cuts = [0, *(cut.start() for cut in _CAMEL.finditer(word)), len(word)]
    return [Token(plain(word[a:b]), start + a, start + b) for a, b in pairwise(cuts)]
