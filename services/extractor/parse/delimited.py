"""CSV and TSV: one page, the whole file a table."""

import csv
import io

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Table
from extractor.parse.decoding import decode
from extractor.parse.dialects import best_delimiter
from extractor.parse.gathering import Gathering, cell_text, table_text
from extractor.parse.source import Source


def read(source: Source, sheets: Gathering) -> None:
    """Add the table and its text."""
    text = decode(source.read(2 * sheets.limits.text_bytes), sheets)
    table = _rows(text, sheets.limits.text_bytes)
    sheets.add(table_text(table), [table] if table else [])


def _rows(text: str, longest_cell: int) -> Table:
    csv.field_size_limit(longest_cell)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=best_delimiter(text))
    try:
        return tuple(cells for row in rows if any(cells := tuple(cell_text(cell) for cell in row)))
    except csv.Error as error:
        raise DocumentFault(FailureCode.FILE_CORRUPT, f"line {rows.line_num} is not delimited text: {error}") from error
