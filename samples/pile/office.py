"""Word and spreadsheet documents."""

import io
from collections.abc import Sequence
from typing import Any

import docx
import openpyxl
import xlwt
from docx.shared import Pt
from odf import opendocument
from odf import table as untyped_table
from odf import text as untyped_text
from openpyxl.styles import Alignment, Font, PatternFill

from samples.pile.archives import repacked
from samples.pile.sample import Sample, facts

table: Any = untyped_table
text: Any = untyped_text

Cells = Sequence[Sequence[str | float | int | None]]


def contract() -> Sample:
    """A contract whose parties and sum stand in running text."""
    paper: Any = _paper("Services Agreement")
    for paragraph in _CONTRACT:
        paper.add_paragraph(paragraph)
    _grid(paper, [("Signed for the Supplier", "Signed for the Customer"), ("M. Okafor, Director", "J. Petrov, COO")])
    fields = facts(None, "2026-01-12", "Northgate Analytics Ltd", "Copperfield Retail plc", 48000.0, "EUR")
    return Sample("contract-northgate.docx", _saved(paper), fields)


_CONTRACT = (
    (
        "This Services Agreement is made on 12 January 2026 between Northgate Analytics Ltd, a company registered in "
        'England with its office at 5 Castle Yard, York (the "Supplier"), and Copperfield Retail plc, of 200 Market '
        'Street, Leeds (the "Customer").'
    ),
    "1. Services. The Supplier shall build and run the weekly sales forecast described in Schedule A.",
    "2. Term. The services begin on 1 February 2026 and end on 31 January 2027 unless ended earlier under clause 9.",
    "3. Fees. The Customer shall pay a total fee of EUR 48,000.00, in twelve equal instalments of EUR 4,000.00.",
    "4. Confidentiality. Neither party discloses what it learns of the other's business.",
    "5. Law. The law of England and Wales governs this agreement.",
)


def purchase_order() -> Sample:
    """A buyer's order: the letterhead is the customer's."""
    paper: Any = _paper("Purchase Order")
    _grid(
        paper,
        [
            ("PO number", "PO-88213"),
            ("Order date", "2026-03-02"),
            ("Supplier", "Meridian Lab Supplies B.V."),
            ("Customer", "Halvorsen Biotech AS"),
            ("Deliver to", "Gate 3, Forskningsveien 12, Oslo"),
            ("Currency", "NOK"),
        ],
    )
    paper.add_paragraph("")
    _grid(
        paper,
        [
            ("Item", "Quantity", "Unit price", "Amount"),
            ("Pipette tips 200 µl, box of 960", "40", "412.00", "16,480.00"),
            ("Nitrile gloves, size M, carton", "15", "268.00", "4,020.00"),
            ("Order total", "", "", "20,500.00"),
        ],
    )
    fields = facts(None, "2026-03-02", "Meridian Lab Supplies B.V.", "Halvorsen Biotech AS", 20500.0, "NOK")
    return Sample("purchase-order-halvorsen.docx", _saved(paper), fields)


def _paper(title: str) -> Any:
    paper: Any = docx.Document()
    paper.styles["Normal"].font.name = "Calibri"
    paper.styles["Normal"].font.size = Pt(11)
    paper.add_heading(title, level=0)
    return paper


def _grid(paper: Any, rows: Sequence[Sequence[str]]) -> None:
    grid = paper.add_table(rows=0, cols=len(rows[0]))
    grid.style = "Light Grid Accent 1"
    for row in rows:
        for cell, words in zip(grid.add_row().cells, row, strict=True):
            cell.text = words


def _saved(paper: Any) -> bytes:
    buffer = io.BytesIO()
    paper.save(buffer)
    return repacked(buffer.getvalue())


_KESTREL: Cells = (
    ("Kestrel Drone Surveys Pty Ltd", None, None, None),
    ("Tax Invoice", None, None, None),
    (None, None, None, None),
    ("Invoice No", "KDS-0909", None, None),
    ("Invoice Date", "2026-07-21", None, None),
    ("Customer", "Barossa Vineyards Cooperative", None, None),
    (None, None, None, None),
    ("Description", "Qty", "Unit Price", "Amount"),
    ("Aerial survey, per hectare", 340, 11.5, 3910.0),
    ("Canopy report", 4, 275.0, 1100.0),
    (None, None, "Subtotal", 5010.0),
    (None, None, "GST 10%", 501.0),
    (None, None, "Total AUD", 5511.0),
)


def spreadsheet_invoice() -> Sample:
    """An invoice kept in a spreadsheet."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = "Invoice"
    for row in _KESTREL:
        sheet.append(row)
    sheet["A1"].font = Font(size=16, bold=True)
    for cell in sheet[8]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DDE7F0")
    for row in sheet["C9:D13"]:
        for cell in row:
            cell.number_format, cell.alignment = "#,##0.00", Alignment(horizontal="right")
    for column, width in zip("ABCD", (34, 30, 14, 14), strict=True):
        sheet.column_dimensions[column].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    fields = facts(
        "KDS-0909", "2026-07-21", "Kestrel Drone Surveys Pty Ltd", "Barossa Vineyards Cooperative", 5511.0, "AUD"
    )
    return Sample("invoice-kestrel.xlsx", repacked(buffer.getvalue()), fields)


_ORCHARD: Cells = (
    ("Purchase order", None, None),
    ("Order no.", "4500-771", None),
    ("Order date", "14.08.2026", None),
    ("Vendor", "Obsthof Rieger OHG", None),
    ("Buyer", "Feinkost Albers GmbH", None),
    ("Article", "Quantity (kg)", "Price (EUR)"),
    ("Apples, Elstar", 800, "1,90"),
    ("Pears, Conference", 300, "2,40"),
    ("Total (EUR)", None, "2.240,00"),
)


def order_sheet() -> Sample:
    """A purchase order as an OpenDocument spreadsheet."""
    book: Any = opendocument.OpenDocumentSpreadsheet()
    sheet = table.Table(name="Order")
    for row in _ORCHARD:
        sheet.addElement(_ods_row(row))
    book.spreadsheet.addElement(sheet)
    buffer = io.BytesIO()
    book.write(buffer)
    fields = facts(None, "2026-08-14", "Obsthof Rieger OHG", "Feinkost Albers GmbH", 2240.0, "EUR")
    return Sample("purchase-order-albers.ods", repacked(buffer.getvalue()), fields)


def _ods_row(row: Sequence[str | float | None]) -> Any:
    element = table.TableRow()
    for value in row:
        numeric = isinstance(value, int | float)
        kind = {"valuetype": "float", "value": value} if numeric else {"valuetype": "string"}
        cell = table.TableCell(**kind)
        cell.addElement(text.P(text="" if value is None else str(value)))
        element.addElement(cell)
    return element


_VERDE: Cells = (
    ("Verde Jardines S.L.", None, None),
    ("Factura", None, None),
    ("Factura nº", "2026/311", None),
    ("Fecha", "09/09/2026", None),
    ("Cliente", "Hotel Mirador del Sur S.A.", None),
    ("Concepto", "Cantidad", "Importe"),
    ("Mantenimiento de jardines, septiembre", 1, "1.450,00 €"),
    ("Poda de palmeras", 12, "660,00 €"),
    ("Base imponible", None, "2.110,00 €"),
    ("IVA 21 %", None, "443,10 €"),
    ("Importe total", None, "2.553,10 €"),
)


def legacy_spreadsheet() -> Sample:
    """A Spanish invoice in the old binary format."""
    book: Any = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Factura")
    sheet.col(0).width, sheet.col(1).width, sheet.col(2).width = 11000, 8000, 5000
    for number, row in enumerate(_VERDE):
        for column, value in enumerate(row):
            if value is not None:
                sheet.write(number, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    fields = facts("2026/311", "2026-09-09", "Verde Jardines S.L.", "Hotel Mirador del Sur S.A.", 2553.1, "EUR")
    return Sample("factura-verde.xls", buffer.getvalue(), fields)


ALL = (contract, purchase_order, spreadsheet_invoice, order_sheet, legacy_spreadsheet)
