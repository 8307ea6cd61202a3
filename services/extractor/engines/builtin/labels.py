"""Where the words of the lexicon stand as labels: at the head of a cell, before a colon, or next to a value."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from extractor.engines.builtin.grids import Cell, Grid
from extractor.engines.builtin.lexicon import Concept, Words, lexicon
from extractor.engines.builtin.tokens import Token, tokenise

Phrases = Mapping[str, Mapping[int, frozenset[Words]]]
"""Label phrases by their first word and their length, the longest first."""

_SIGN = r"(?:in\s+)?(?:€|\$|£|(?-i:[A-Z]{3})\b)"
_INCLUDING = (
    r"(?:incl?|including|inkl|inc)\.?\s+(?:of\s+)?(?:\d{1,2}\s?%\s+)?(?:VAT|tax(?:es)?|GST|MwSt|USt|TVA|IVA|BTW)\.?"
)
_TAIL = re.compile(
    r"[\"'*_]{0,3}[.°º]?\s*(?:[(\[][^()\[\]]{0,40}[)\]])?[\"'*_]{0,3}\s*"
    rf"(?:(?:(?:{_SIGN}|{_INCLUDING})\s*){{1,2}}(?=[:=]|$))?"
    r"(?P<colon>[:：=#№]|\s(?:of|is|was|von|beträgt)\s)?[\"'*_\s]*",
    re.IGNORECASE,
)
_NOTHING_BEFORE = re.compile(r"[^\w]*$")
_BREAK_BEFORE = re.compile(r"(?:[,;|)/]|\d\S{0,12})\s*$")
_REST = 400
_NONE: Mapping[int, frozenset[Words]] = {}
_LONE_MID_WORDS = frozenset({("dated",)})


@dataclass(frozen=True, slots=True)
class Label:
    """One place where a label stands."""

    words: Words
    grid: Grid
    row: int
    cell: Cell
    start: int
    """Of the words within the cell."""
    value_at: int
    """Where, within the cell, what follows the label begins."""
    stop: int
    """Where it ends: the next label of the cell, or the cell."""
    leads: bool
    """Nothing stands before it in its cell."""
    colon: bool

    @property
    def rest(self) -> str:
        """What follows the label in its own cell."""
        return self.cell.text[self.value_at : min(self.stop, self.value_at + _REST)].rstrip()

    @property
    def fills_cell(self) -> bool:
        """The cell holds the label and nothing else."""
        return self.leads and not self.rest


def phrases(own: Iterable[Concept]) -> Phrases:
    """The whole lexicon and the words of fields it does not know."""
    extra = [words for concept in own for rank in concept.labels for words in rank]
    return _lexicon_phrases() if not extra else _by_first_word([*_all_labels(), *extra])


def find_labels(grid: Grid, known: Phrases) -> Iterator[Label]:
    """All labels of a grid, row by row."""
    for number, row in enumerate(grid.rows):
        for cell in row.cells:
            yield from _in_cell(grid, number, cell, known)


def _in_cell(grid: Grid, row: int, cell: Cell, known: Phrases) -> Iterator[Label]:
    hits = list(_hits(tokenise(cell.text), known))
    stop = len(cell.text)
    labels: list[Label] = []
    for words, start, end in reversed(hits):
        label = _label(words, grid, row, cell, start, end, stop)
        if label is not None:
            labels.append(label)
            stop = start if label.colon else stop
    yield from reversed(labels)


def _hits(tokens: list[Token], known: Phrases) -> Iterator[tuple[Words, int, int]]:
    """Phrases from left to right, the longest at each place, none within another."""
    words = tuple(token.word for token in tokens)
    at = 0
    while at < len(words):
        phrase = _longest(words, at, known)
        if phrase:
            yield phrase, tokens[at].start, tokens[at + len(phrase) - 1].end
        at += len(phrase) or 1


def _longest(words: Words, at: int, known: Phrases) -> Words:
    for length, group in known.get(words[at], _NONE).items():
        phrase = words[at : at + length]
        if phrase in group:
            return phrase
    return ()


def _label(words: Words, grid: Grid, row: int, cell: Cell, start: int, end: int, stop: int) -> Label | None:
    tail = _TAIL.match(cell.text, end)
    value_at = tail.end() if tail else end
    colon = bool(tail and tail["colon"])
    before = cell.text[max(0, start - 16) : start]
    leads = _NOTHING_BEFORE.match(cell.text[:start]) is not None if start < 16 else False
    if not leads and not _may_stand_inside(words, before, colon=colon):
        return None
    return Label(words, grid, row, cell, start, min(value_at, stop), stop, leads, colon)


def _may_stand_inside(words: Words, before: str, *, colon: bool) -> bool:
    """After other words a label needs a break before it, or to be long enough to speak for itself."""
    if _BREAK_BEFORE.search(before):
        return True
    return len(words) > 1 or (not colon and words in _LONE_MID_WORDS)


def _all_labels() -> list[Words]:
    return [words for concept in lexicon().values() for rank in concept.labels for words in rank]


@lru_cache(maxsize=1)
def _lexicon_phrases() -> Phrases:
    return _by_first_word(_all_labels())


def _by_first_word(all_words: Iterable[Words]) -> Phrases:
    grouped: dict[str, dict[int, set[Words]]] = {}
    for words in sorted(filter(None, all_words), key=len, reverse=True):
        grouped.setdefault(words[0], {}).setdefault(len(words), set()).add(words)
    return {first: {size: frozenset(group) for size, group in sizes.items()} for first, sizes in grouped.items()}
