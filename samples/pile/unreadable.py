"""Documents that end in an error, as some in every real pile do."""

import io
from typing import Any

import xlwt
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib import pdfencrypt

from samples.pile.invoices import brightwater
from samples.pile.paper import MARGIN, Sheet, pdf
from samples.pile.sample import Sample

_PAPER = (826, 1169)
_SCANNED = (
    "PIXEL & PLUM STATIONERS",
    "17 Weaver Row, Norwich",
    "",
    "RECEIPT            No 0923",
    "Date               16/04/2026",
    "",
    "Fountain pen     GBP 42.00",
    "Ink, royal blue   GBP 11.50",
    "",
    "TOTAL            GBP 53.50",
    "Paid by card. Thank you.",
)


def scan() -> Sample:
    """A page that is a picture: slightly turned, slightly grey, without any text."""
    return Sample("receipt-scanned.pdf", pdf("Scan", lambda sheet: sheet.image(_picture())), error="NO_TEXT")


def _picture() -> Any:
    picture = Image.new("L", _PAPER, 244)
    pen = ImageDraw.Draw(picture)
    font: Any = ImageFont.load_default(26)
    for number, line in enumerate(_SCANNED):
        pen.text((120, 150 + number * 46), line, fill=52, font=font)
    for number in range(400):
        pen.point(((number * 7919) % _PAPER[0], (number * 104729) % _PAPER[1]), fill=190)
    return picture.rotate(0.7, fillcolor=238, resample=Image.Resampling.BILINEAR)


def protected() -> Sample:
    """A PDF that opens only with a password."""
    lock = pdfencrypt.StandardEncryption("orchid-7", ownerPassword="owner-of-the-pile", strength=128)
    return Sample("statement-protected.pdf", pdf("Statement", _statement, encrypt=lock), error="PDF_ENCRYPTED")


def _statement(sheet: Sheet) -> None:
    sheet.text(MARGIN, 70, "Confidential account statement", size=16, bold=True)
    sheet.block(MARGIN, 100, ["Account holder: Tessa Brandt", "Balance: 18,204.11 EUR"])


def damaged() -> Sample:
    """A PDF whose middle was lost on the way."""
    whole = brightwater().content
    return Sample("invoice-damaged.pdf", whole[:120] + b"\x00" * 600 + whole[-90:], error="FILE_CORRUPT")


def old_word() -> Sample:
    """A letter in the binary format of Word 97."""
    book: Any = xlwt.Workbook()
    book.add_sheet("x")
    buffer = io.BytesIO()
    book.save(buffer)
    return Sample("letter-old.doc", _renamed_stream(buffer.getvalue()), error="UNSUPPORTED_TYPE")


def _renamed_stream(container: bytes) -> bytes:
    """The compound file with its only stream called as Word calls its own: 64 bytes of name, then its length."""
    at = container.index("Workbook".encode("utf-16-le"))
    name = "WordDocument".encode("utf-16-le") + b"\x00\x00"
    return container[:at] + name.ljust(64, b"\x00") + len(name).to_bytes(2, "little") + container[at + 66 :]


ALL = (scan, protected, damaged, old_word)
