"""XLSX, XLSM, XLSB, XLS and ODS: a page and a table for each visible sheet, dates in ISO form, values of formulas."""

import datetime as dt
import re
from collections.abc import Iterator

import python_calamine as calamine

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Row, Table
from extractor.parse import archive
from extractor.parse.gathering import (
    ACTIVE_CONTENT_IGNORED,
    HIDDEN_CONTENT_IGNORED,
    Gathering,
    cell_text,
    table_text,
)
from extractor.parse.source import Source

MOST_CELLS = 5_000_000
_Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta
_MIDNIGHT = dt.time()
_RUNS = re.compile(r"vbaproject\.bin$|^basic/|^xl/(activex|embeddings|externallinks)/", re.IGNORECASE)
# What the library raises where a file points beyond its own end; no Exception, and of a class nobody can import.
_PANIC = "PanicException"


def read_zipped(source: Source, sheets: Gathering) -> None:
    """Add the sheets of an XLSX, XLSM, XLSB or ODS, after its container has been searched for traps."""
    with archive.opened(source) as opened:
        archive.refuse_doctypes(opened)
        names = opened.namelist()
        if "META-INF/manifest.xml" in names and b"encryption-data" in opened.read("META-INF/manifest.xml"):
            raise DocumentFault(FailureCode.PDF_ENCRYPTED, "the spreadsheet is protected by a password")
        if any(map(_RUNS.search, names)):
            sheets.warn(ACTIVE_CONTENT_IGNORED)
    read(source, sheets)


def read(source: Source, sheets: Gathering) -> None:
    """Add the sheets of any spreadsheet."""
    try:
        with source.open() as stream, calamine.CalamineWorkbook.from_filelike(stream) as workbook:
            _add_sheets(workbook, sheets)
    except calamine.PasswordError as error:
        raise DocumentFault(FailureCode.PDF_ENCRYPTED, "the spreadsheet is protected by a password") from error
    except (calamine.CalamineError, OSError, ValueError, OverflowError) as error:
        raise DocumentFault(FailureCode.FILE_CORRUPT, f"the spreadsheet cannot be read: {error}") from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise DocumentFault(FailureCode.FILE_CORRUPT, "the spreadsheet cannot be read: it ends too early") from error


def _add_sheets(workbook: calamine.CalamineWorkbook, sheets: Gathering) -> None:
    names = [meta.name for meta in workbook.sheets_metadata if _is_readable(meta)]
    if len(names) < len(workbook.sheets_metadata):
        sheets.warn(HIDDEN_CONTENT_IGNORED)
    sheets.expect(len(names))
    for name in names:
        table = _table(workbook.get_sheet_by_name(name))
        title = f"Sheet: {name}\n" if table and len(names) > 1 else ""
        sheets.add(title + table_text(table), [table] if table else [])


def _is_readable(meta: calamine.SheetMetadata) -> bool:
    return meta.typ == calamine.SheetTypeEnum.WorkSheet and meta.visible == calamine.SheetVisibleEnum.Visible


def _table(sheet: calamine.CalamineSheet) -> Table:
    if sheet.height * sheet.width > MOST_CELLS:
        raise DocumentFault(
            FailureCode.RESOURCE_LIMIT, f"the sheet {sheet.name} spans {sheet.height} rows of {sheet.width} cells"
        )
    return tuple(_rows(sheet.to_python()))


def _rows(rows: list[list[_Cell]]) -> Iterator[Row]:
    for row in rows:
        cells = tuple(_text(cell) for cell in row)
        if any(cells):
            yield cells


def _text(cell: _Cell) -> str:
    match cell:
        case str():
            return cell_text(cell)
        case bool():
            return "TRUE" if cell else "FALSE"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
        case dt.datetime():
            return cell.date().isoformat() if cell.time() == _MIDNIGHT else cell.isoformat(sep=" ")
        case dt.date() | dt.time():
            return cell.isoformat()
        case _:
            return str(cell)
