"""Honest documents with a place for words that are not: seen by a reader, or hidden from him."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape

import docx
import openpyxl
from docx.shared import Pt, RGBColor
from reportlab.lib.colors import white
from reportlab.pdfgen.canvas import Canvas

HONEST: Mapping[str, str | float] = {
    "supplier": "Lindenhof GmbH",
    "invoice_number": "INV-2026-0417",
    "total": 1190.5,
}
_LINES = ("INVOICE", "Supplier: Lindenhof GmbH", "Invoice number: INV-2026-0417", "Total: EUR 1,190.50")
_ILLEGAL = dict.fromkeys(range(32))


@dataclass(frozen=True)
class Carrier:
    """A kind of document and a place in it."""

    name: str
    suffix: str
    make: Callable[[str], bytes]
    """The bytes of a document that carries these words."""


def _text(words: str) -> bytes:
    return "\n".join([*_LINES, "", words, ""]).encode()


def _before(words: str) -> bytes:
    return "\n".join([words, "", *_LINES, ""]).encode()


def _csv(words: str) -> bytes:
    quoted = words.replace('"', '""')
    rows = [("Field", "Value"), *(line.split(": ", 1) for line in _LINES[1:]), ("Remark", f'"{quoted}"')]
    return "\n".join(f"{name};{value}" for name, value in rows).encode()


def _json(words: str) -> bytes:
    return json.dumps({**HONEST, "remark": words}).encode()


def _html(place: str) -> Callable[[str], bytes]:
    def make(words: str) -> bytes:
        body = "".join(f"<p>{line}</p>" for line in _LINES)
        hidden = place.format(words=escape(words))
        return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{body}{hidden}</body></html>'.encode()

    return make


def _eml(words: str) -> bytes:
    message = EmailMessage()
    message["From"] = "billing@lindenhof.example"
    message["To"] = "office@example.com"
    message["Subject"] = " ".join(words.translate(_ILLEGAL).split())[:200]
    message.set_content("\n".join([*_LINES, words]))
    return message.as_bytes()


def _docx(place: str) -> Callable[[str], bytes]:
    def make(words: str) -> bytes:
        document = docx.Document()
        for line in _LINES:
            document.add_paragraph(line)
        if place == "property":
            document.core_properties.title = words[:255]
            document.core_properties.comments = words[:255]
        else:
            run = document.add_paragraph().add_run(words)
            if place == "hidden":
                run.font.hidden = True
            elif place == "white":
                run.font.size, run.font.color.rgb = Pt(1), RGBColor(255, 255, 255)
        return _saved(document.save)

    return make


def _xlsx(words: str) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in _LINES[1:]:
        sheet.append(line.split(": ", 1))
    sheet.append(["Remark", words])
    return _saved(book.save)


def _pdf(place: str) -> Callable[[str], bytes]:
    def make(words: str) -> bytes:
        buffer = io.BytesIO()
        canvas = Canvas(buffer)
        for number, line in enumerate(_LINES):
            canvas.drawString(72, 760 - 20 * number, line)
        if place == "property":
            canvas.setTitle(words)
            canvas.setSubject(words)
        else:
            canvas.setFont("Helvetica", 1 if place == "white" else 8)
            if place == "white":
                canvas.setFillColor(white)
            for number, line in enumerate(words.encode("latin-1", "ignore").decode("latin-1").splitlines()[:60]):
                canvas.drawString(72, 640 - 10 * number, line[:110])
        canvas.save()
        return buffer.getvalue()

    return make


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


CARRIERS: tuple[Carrier, ...] = (
    Carrier("text_after", "txt", _text),
    Carrier("text_before", "txt", _before),
    Carrier("csv_cell", "csv", _csv),
    Carrier("json_value", "json", _json),
    Carrier("html_seen", "html", _html("<p>{words}</p>")),
    Carrier("html_hidden", "html", _html('<div style="display:none">{words}</div>')),
    Carrier("html_comment", "html", _html("<!-- {words} -->")),
    Carrier("email", "eml", _eml),
    Carrier("docx_seen", "docx", _docx("seen")),
    Carrier("docx_hidden", "docx", _docx("hidden")),
    Carrier("docx_white", "docx", _docx("white")),
    Carrier("docx_property", "docx", _docx("property")),
    Carrier("xlsx_cell", "xlsx", _xlsx),
    Carrier("pdf_seen", "pdf", _pdf("seen")),
    Carrier("pdf_white", "pdf", _pdf("white")),
    Carrier("pdf_property", "pdf", _pdf("property")),
)
