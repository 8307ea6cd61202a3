"""Line items: the rows under a header whose columns a list of objects asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extractor.engines.builtin.fitting import fitted
from extractor.engines.builtin.grids import Cell, Grid, under
from extractor.engines.builtin.readers import read
from extractor.engines.builtin.sources import Source
from extractor.engines.builtin.tokens import words_of
from extractor.engines.builtin.wanted import Wanted, WantedRows

_END = frozenset(
    {
        "total",
        "subtotal",
        "summe",
        "zwischensumme",
        "gesamt",
        "gesamtbetrag",
        "net",
        "netto",
        "vat",
        "tax",
        "sub",
        "grand",
    }
)
_MAX_ROWS = 5000
_MAX_COLUMNS = 60
_MAX_GAP = 2


@dataclass(frozen=True, slots=True)
class FoundRow:
    """One element of the list, and the verbatim words of each of its values."""

    values: dict[str, Any]
    quotes: dict[str, str]
    page: int


@dataclass(frozen=True, slots=True)
class _Header:
    grid: Grid
    row: int
    columns: dict[str, Cell]


def find_rows(source: Source, wanted: WantedRows) -> list[FoundRow]:
    """The rows of the table whose header matches most of the wanted columns; none without two matches."""
    headers = [header for grid in source.grids for header in _headers(source, grid, wanted)]
    best = max(headers, key=lambda header: len(header.columns), default=None)
    return list(_rows(source, wanted, best)) if best else []


def _headers(source: Source, grid: Grid, wanted: WantedRows) -> Iterator[_Header]:
    needed = min(2, len(wanted.columns))
    for number, row in enumerate(grid.rows):
        if not needed <= len(source.labels_in_row.get((id(grid), number), ())) <= _MAX_COLUMNS:
            continue
        columns = _matched(row.cells[:_MAX_COLUMNS], wanted.columns)
        if len(columns) >= needed:
            yield _Header(grid, number, columns)


def _matched(cells: tuple[Cell, ...], columns: tuple[Wanted, ...]) -> dict[str, Cell]:
    """Each column takes the free cell whose words rank best for it."""
    matched: dict[str, Cell] = {}
    taken: set[int] = set()
    for column in columns:
        ranked = [
            (rank, cell) for cell in cells if cell.start not in taken and (rank := _rank(column, cell)) is not None
        ]
        if ranked:
            cell = min(ranked, key=lambda pair: pair[0])[1]
            matched[column.path[-1]] = cell
            taken.add(cell.start)
    return matched


def _rank(column: Wanted, cell: Cell) -> int | None:
    """A header may add a unit or a currency behind the words: `Amount (EUR)`."""
    words = words_of(cell.text)[:4]
    ranks = [column.concept.rank(words[:count]) for count in range(len(words), 0, -1)]
    return next((rank * 4 + len(words) - 1 for rank in ranks if rank is not None), None)


def _rows(source: Source, wanted: WantedRows, header: _Header) -> Iterator[FoundRow]:
    gap = 0
    for number in range(header.row + 1, min(len(header.grid.rows), header.row + _MAX_ROWS)):
        cells = header.grid.rows[number].cells
        if cells and words_of(cells[0].text)[:1] and words_of(cells[0].text)[0] in _END:
            return
        found = _read_row(source, wanted, header, number)
        if found is not None:
            gap = 0
            yield found
            continue
        gap += 1
        if gap > _MAX_GAP:
            return


def _read_row(source: Source, wanted: WantedRows, header: _Header, number: int) -> FoundRow | None:
    values: dict[str, Any] = {column.path[-1]: None for column in wanted.columns}
    quotes: dict[str, str] = {}
    above, row = header.grid.rows[header.row], header.grid.rows[number]
    for column in wanted.columns:
        name = column.path[-1]
        cell = under(header.columns[name], above, row, exact=header.grid.is_table) if name in header.columns else None
        reading = read(column.kind, cell.text, source.habits) if cell else None
        if cell is None or reading is None:
            continue
        quotes[name] = cell.text[reading.start : reading.end]
        values[name] = fitted(reading.value, quotes[name], column.node)
    return FoundRow(values, quotes, header.grid.page) if _is_item(wanted, quotes) else None


def _is_item(wanted: WantedRows, quotes: dict[str, str]) -> bool:
    """Two filled columns at least, one of them a number when the list asks for numbers."""
    numeric = {column.path[-1] for column in wanted.columns if column.kind in {"money", "integer", "percent"}}
    return len(quotes) >= min(2, len(wanted.columns)) and (not numeric or bool(numeric & quotes.keys()))
