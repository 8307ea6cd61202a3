"""From a label to its value: what follows it in the cell, then the cells to its right, then what stands below it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from extractor.engines.builtin.grids import Cell
from extractor.engines.builtin.labels import Label
from extractor.engines.builtin.lexicon import Concept, Kind
from extractor.engines.builtin.readers import Reading, read
from extractor.engines.builtin.sources import Source

_WORDY: frozenset[Kind] = frozenset({"party", "name", "text"})
_PROOF_NEEDED: frozenset[Kind] = frozenset({"money", "date", "id", "email", "percent", "integer", "currency", "phone"})
_MAX_RIGHT = 8
_BLOCK = 6
_REACH = 400
_KEYED = re.compile(r"[^\W\d][\w ]{0,30}:\s+")
_NAMES = re.compile(r"(?:company|full|legal)?[ _]?name\s*:|company\s*:|firma\s*:", re.IGNORECASE)


class Place(IntEnum):
    """Where the value stands; the nearer the surer."""

    SAME_CELL = 0
    RIGHT = 1
    BELOW = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that a label speaks for."""

    value: Any
    words: str
    """The value, verbatim."""
    quote: str
    page: int
    rank: int
    place: Place
    order: int
    """Of the label in the document."""
    sure: bool
    """The label leads its cell or ends in a colon."""
    currency: str | None = None


def candidates(source: Source, concept: Concept, kind: Kind) -> list[Candidate]:
    """Every value its labels lead to, in reading order."""
    found: list[Candidate] = []
    order = 0
    for rank, words in ((rank, words) for rank, labels in enumerate(concept.labels) for words in labels):
        for label in source.labels_by_words.get(words, ()):
            candidate = _from_label(source, label, concept, kind, rank, order)
            if candidate is not None:
                found.append(candidate)
            order += 1
    return found


def best(found: list[Candidate], kind: Kind) -> Candidate | None:
    """The surest label wins; among totals of one rank the largest, since net stands before gross."""
    if kind == "money":
        return min(found, key=lambda one: (one.rank, -abs(one.value)), default=None)
    return min(found, key=lambda one: (one.rank, not one.sure, one.page, one.place), default=None)


def _from_label(source: Source, label: Label, concept: Concept, kind: Kind, rank: int, order: int) -> Candidate | None:
    if (id(label.grid), label.row) in source.item_headers:
        return None
    for place, cell, snippet, offset in _snippets(source, label, kind, prose=concept.prose):
        reading = read(kind, snippet, source.habits)
        if reading is None or not _acceptable(label, place, reading, kind, rank):
            continue
        quote = _quote(label, cell, place, offset, reading)
        words = snippet[reading.start : reading.end]
        sure = label.leads or label.colon
        return Candidate(reading.value, words, quote, label.grid.page, rank, place, order, sure, reading.currency)
    return None


def _acceptable(label: Label, place: Place, reading: Reading, kind: Kind, rank: int) -> bool:
    """A label without a colon must be followed at once by a value that proves itself."""
    if place is not Place.SAME_CELL or label.colon:
        return True
    if not label.leads and (kind == "id" or (rank > 0 and kind == "money")):
        return False
    return kind in _WORDY or reading.start <= (12 if kind in {"money", "date"} else 2)


def _snippets(source: Source, label: Label, kind: Kind, *, prose: bool) -> Iterator[tuple[Place, Cell, str, int]]:
    """Place, cell, text and the text's offset in the cell, nearest first."""
    if label.rest and (label.colon or kind in _PROOF_NEEDED or _speaks(label, prose=prose)):
        yield Place.SAME_CELL, label.cell, label.rest, label.value_at
    if label.rest or not (label.leads or label.colon):
        return
    right = _right(source, label)
    for cell in reversed(right) if kind == "money" else right[:1]:
        yield Place.RIGHT, cell, cell.text[:_REACH], 0
    if right and kind in _WORDY:
        return
    if kind in _WORDY:
        yield from _words_below(source, label)
        return
    for number, cell in label.grid.below(label.row, label.cell):
        if (id(label.grid), number, cell.start) in source.label_cells:
            return
        yield Place.BELOW, cell, cell.text[:_REACH], 0


def _words_below(source: Source, label: Label) -> Iterator[tuple[Place, Cell, str, int]]:
    """The first line of the block below; in a block of `key: value` lines, as records have, the one that names."""
    for number, cell in label.grid.below(label.row, label.cell, reach=_BLOCK):
        keyed = _KEYED.match(cell.text)
        if keyed is None or _NAMES.match(cell.text):
            offset = keyed.end() if keyed else 0
            if keyed or (id(label.grid), number, cell.start) not in source.label_cells:
                yield Place.BELOW, cell, cell.text[offset:_REACH], offset
            return


def _speaks(label: Label, *, prose: bool) -> bool:
    """`Bill to Acme Ltd`: a party may follow a label of several words directly, with a capital."""
    return prose and label.leads and len(label.words) > 1 and label.rest[:1].isupper()


def _right(source: Source, label: Label) -> list[Cell]:
    """The cells to the right up to the next label."""
    cells: list[Cell] = []
    for cell in label.grid.rows[label.row].cells:
        if cell.start <= label.cell.start:
            continue
        if (id(label.grid), label.row, cell.start) in source.label_cells or len(cells) == _MAX_RIGHT:
            break
        cells.append(cell)
    return cells


def _quote(label: Label, cell: Cell, place: Place, offset: int, reading: Reading) -> str:
    """Label and value when they stand in one line, else the value's words alone."""
    if place is Place.SAME_CELL:
        return cell.text[label.start : offset + reading.end]
    line = label.grid.rows[label.row].line
    offset = 0 if place is Place.RIGHT else offset
    if place is Place.RIGHT and line:
        return line[label.cell.start + label.start : cell.start + reading.end]
    return cell.text[offset + reading.start : offset + reading.end]
