"""A page as rows of cells: its tables as they are, its lines cut where tabs, bars, leaders or wide gaps stand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.domain.pages import Page, Table

_GAP = re.compile(r"[ \u00a0]*(?:\t|\||\.{4,}|_{4,}|[ \u00a0]{2,}|…)[\t |.\u00a0…_]*")
_REACH = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """Text at a place of its row: characters of the line, or columns of the table; `end` is exclusive."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """The cells that are not empty."""

    cells: tuple[Cell, ...]
    line: str
    """The whole line, verbatim; empty for the row of a table."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows that stand under each other."""

    page: int
    rows: tuple[Row, ...]
    is_table: bool

    def below(self, row: int, cell: Cell, reach: int = 2) -> Iterator[tuple[int, Cell]]:
        """Row number and cell of what stands under a cell, nearest first; one empty row may lie between."""
        for number in range(row + 1, min(row + 1 + reach, len(self.rows))):
            found = under(cell, self.rows[row], self.rows[number], exact=self.is_table)
            if found is not None:
                yield number, found


def grids_of(page: Page) -> list[Grid]:
    """Tables first: their cells are surer than gaps in a line."""
    tables = [Grid(page.number, tuple(_table_rows(table)), is_table=True) for table in page.tables]
    lines = Grid(page.number, tuple(line_row(line) for line in page.text.splitlines()), is_table=False)
    return [*tables, lines]


def line_row(line: str) -> Row:
    """Cut a line into cells."""
    cells: list[Cell] = []
    start = 0
    for gap in _GAP.finditer(line):
        _append(cells, line, start, gap.start())
        start = gap.end()
    _append(cells, line, start, len(line))
    return Row(tuple(cells), line)


def under(cell: Cell, above: Row, below: Row, *, exact: bool) -> Cell | None:
    """The cell of the lower row that stands under a cell of the upper one."""
    overlapping = [other for other in below.cells if other.start < cell.end and cell.start < other.end]
    if overlapping or exact:
        return max(overlapping, key=lambda other: _overlap(cell, other), default=None)
    if len(above.cells) == len(below.cells):
        return below.cells[above.cells.index(cell)]
    near = [other for other in below.cells if _distance(cell, other) <= _REACH]
    return min(near, key=lambda other: _distance(cell, other), default=None)


def _table_rows(table: Table) -> Iterator[Row]:
    for texts in table:
        cells = (Cell(text.strip(), column, column + 1) for column, text in enumerate(texts) if text.strip())
        yield Row(tuple(cells), "")


def _append(cells: list[Cell], line: str, start: int, end: int) -> None:
    text = line[start:end]
    stripped = text.strip()
    if stripped:
        begin = start + len(text) - len(text.lstrip())
        cells.append(Cell(stripped, begin, begin + len(stripped)))


def _overlap(one: Cell, other: Cell) -> int:
    return min(one.end, other.end) - max(one.start, other.start)


def _distance(one: Cell, other: Cell) -> int:
    return max(other.start - one.end, one.start - other.end)
