import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source

openpyxl: Any = import_module("openpyxl")
xlwt: Any = import_module("xlwt")
odf_document: Any = import_module("odf.opendocument")
odf_table: Any = import_module("odf.table")
odf_text: Any = import_module("odf.text")

ROWS = [["Item", "Qty", "Price"], ["Bolt", 10, 0.5], ["Nut", 2, 1234.56]]
TABLE = (("Item", "Qty", "Price"), ("Bolt", "10", "0.5"), ("Nut", "2", "1234.56"))


def read(content: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(Source("x.xlsx", content), limits or ParseLimits())


def fault_of(content: bytes, limits: ParseLimits | None = None) -> DocumentFault:
    with pytest.raises(DocumentFault) as caught:
        read(content, limits)
    return caught.value


def saved(workbook: Any) -> bytes:
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def xlsx(rows: Sequence[Sequence[object]]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(list(row))
    return saved(workbook)


def xls() -> bytes:
    workbook = xlwt.Workbook()
    sheet = workbook.add_sheet("Sheet1")
    for y, row in enumerate(ROWS):
        for x, value in enumerate(row):
            sheet.write(y, x, value)
    return saved(workbook)


def ods() -> bytes:
    document = odf_document.OpenDocumentSpreadsheet()
    table = odf_table.Table(name="Sheet1")
    for row in ROWS:
        line = odf_table.TableRow()
        for value in row:
            kind = {"valuetype": "string"} if isinstance(value, str) else {"valuetype": "float", "value": value}
            cell = odf_table.TableCell(**kind)
            cell.addElement(odf_text.P(text=str(value)))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    stream = io.BytesIO()
    document.write(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (xlsx(ROWS), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (xls(), "application/vnd.ms-excel"),
        (ods(), "application/vnd.oasis.opendocument.spreadsheet"),
    ],
)
def test_spreadsheet_becomes_a_table_in_each_format(content: bytes, media_type: str) -> None:
    document = read(content)
    assert document.media_type == media_type
    assert document.pages[0].tables == (TABLE,)
    assert document.pages[0].text == "Item\tQty\tPrice\nBolt\t10\t0.5\nNut\t2\t1234.56\n"


def test_spreadsheet_writes_dates_times_and_truth_values_plainly() -> None:
    row: list[object] = [dt.datetime(2026, 1, 2), dt.datetime(2026, 1, 2, 3, 4), dt.time(5, 6), True, 1e20]  # noqa: DTZ001
    assert read(xlsx([row])).pages[0].tables[0][0] == ("2026-01-02", "2026-01-02 03:04:00", "05:06:00", "TRUE", "1e+20")


def test_spreadsheet_makes_a_page_of_each_visible_sheet_and_flags_hidden_ones() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "June"
    workbook.active["A1"] = "six"
    workbook.create_sheet("July")["B2"] = "seven"
    workbook.create_sheet("Secret")["A1"] = "hidden"
    workbook["Secret"].sheet_state = "hidden"
    document = read(saved(workbook))
    assert [page.text for page in document.pages] == ["Sheet: June\nsix\n", "Sheet: July\nseven\n"]
    assert document.warnings == ("HIDDEN_CONTENT_IGNORED",)


def test_spreadsheet_has_no_text_when_its_sheets_are_empty() -> None:
    assert fault_of(xlsx([])).code is FailureCode.NO_TEXT


def test_spreadsheet_is_refused_when_it_has_more_sheets_than_pages_allowed() -> None:
    workbook = openpyxl.Workbook()
    workbook.create_sheet("two")
    assert fault_of(saved(workbook), ParseLimits(max_pages=1)).code is FailureCode.TOO_MANY_PAGES


@pytest.mark.catalogue("C09")
def test_spreadsheet_is_refused_when_its_cells_lie_far_apart() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.cell(1, 1, "a")
    workbook.active.cell(1000, 16_000, "b")
    assert fault_of(saved(workbook)).code is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C09")
def test_spreadsheet_is_read_when_it_only_declares_a_huge_range() -> None:
    content = replaced(xlsx(ROWS), "xl/worksheets/sheet1.xml", b'ref="A1:C3"', b'ref="A1:XFD1048576"')
    assert read(content).pages[0].tables == (TABLE,)


@pytest.mark.catalogue("C08")
def test_spreadsheet_is_refused_as_active_when_it_declares_a_document_type() -> None:
    content = replaced(xlsx(ROWS), "xl/workbook.xml", b"<workbook", b"<!DOCTYPE x><workbook")
    assert fault_of(content).code is FailureCode.ACTIVE_CONTENT


def test_spreadsheet_is_corrupt_when_its_sheet_is_missing() -> None:
    content = replaced(xlsx(ROWS), "xl/_rels/workbook.xml.rels", b"sheet1.xml", b"sheet9.xml")
    assert fault_of(content).code is FailureCode.FILE_CORRUPT


def replaced(content: bytes, member: str, old: bytes, new: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            assert name != member or old in part
            target.writestr(name, part.replace(old, new) if name == member else part)
    return stream.getvalue()


@pytest.mark.parametrize("lost", [5, 20, 200])
def test_spreadsheet_of_the_old_format_that_lost_its_end_is_corrupt(lost: int) -> None:
    assert fault_of(xls()[:-lost]).code is FailureCode.FILE_CORRUPT


@pytest.mark.parametrize("shift", [0, 1, 8])
def test_spreadsheet_of_the_old_format_with_absurd_sectors_is_corrupt(shift: int) -> None:
    content = bytearray(xls())
    content[30] = shift
    assert fault_of(bytes(content)).code is FailureCode.FILE_CORRUPT
