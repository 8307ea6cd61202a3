import io
from importlib import import_module
from typing import Any

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source

canvas: Any = import_module("reportlab.pdfgen.canvas")
platypus: Any = import_module("reportlab.platypus")
pypdf: Any = import_module("pypdf")

Placed = tuple[float, float, str]


def pdf(*pages: list[Placed]) -> bytes:
    stream = io.BytesIO()
    paper = canvas.Canvas(stream)
    for page in pages:
        for x, y, text in page:
            paper.drawString(x, y, text)
        paper.showPage()
    paper.save()
    return stream.getvalue()


def read(content: bytes, limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(Source("x.pdf", content), limits or ParseLimits())


def fault_of(content: bytes, limits: ParseLimits | None = None) -> DocumentFault:
    with pytest.raises(DocumentFault) as caught:
        read(content, limits)
    return caught.value


def test_pdf_keeps_page_numbers_when_a_page_between_is_blank() -> None:
    document = read(pdf([(50, 700, "First")], [], [(50, 700, "Third")]))
    assert [(page.number, page.text.strip()) for page in document.pages] == [(1, "First"), (2, ""), (3, "Third")]
    assert document.media_type == "application/pdf"
    assert document.warnings == ()


def test_pdf_puts_labels_beside_their_values_when_they_were_painted_apart() -> None:
    labels: list[Placed] = [(50, 700 - 20 * i, text) for i, text in enumerate(["Invoice No", "Date", "Total"])]
    values: list[Placed] = [(200, 700 - 20 * i, text) for i, text in enumerate(["INV-1", "2026-01-02", "12.50 EUR"])]
    page = read(pdf([*labels, *values])).pages[0]
    assert page.text == "Invoice No\tINV-1\nDate\t2026-01-02\nTotal\t12.50 EUR\n"
    assert page.tables == ((("Invoice No", "INV-1"), ("Date", "2026-01-02"), ("Total", "12.50 EUR")),)


def test_pdf_reads_column_by_column_when_an_article_has_two() -> None:
    left: list[Placed] = [(50, 700 - 14 * i, f"left column line number {i} of the article goes on") for i in range(8)]
    right: list[Placed] = [(320, 700 - 14 * i, f"right column line number {i} of the article ends") for i in range(8)]
    text = read(pdf([*left, *right])).pages[0].text
    assert text.index("left column line number 7") < text.index("right column line number 0")


def test_pdf_keeps_empty_cells_when_a_table_has_them() -> None:
    stream = io.BytesIO()
    rows = [["Item", "Qty", "Price", "Amount"], ["Steel bolt", "10", "0.50", "5.00"], ["", "", "Sum", "5.00"]]
    platypus.SimpleDocTemplate(stream).build([platypus.Table(rows, colWidths=[200, 60, 60, 80])])
    assert read(stream.getvalue()).pages[0].tables == (tuple(map(tuple, rows)),)


def test_pdf_reads_what_is_filled_into_form_fields() -> None:
    stream = io.BytesIO()
    paper = canvas.Canvas(stream)
    paper.drawString(50, 700, "Application")
    paper.acroForm.textfield(name="surname", value="Lovelace", x=100, y=650)
    paper.save()
    assert "surname: Lovelace\n" in read(stream.getvalue()).pages[0].text


@pytest.mark.catalogue("C15")
def test_pdf_reads_letters_beyond_the_basic_plane_without_shifting() -> None:
    pages = read(pdf([(50, 700, "Gr\u00fc\u00dfe \u20ac 5"), (300, 700, "right")])).pages
    assert pages[0].text == "Gr\u00fc\u00dfe \u20ac 5\tright\n"


@pytest.mark.catalogue("C03")
def test_pdf_is_refused_as_encrypted_when_it_needs_a_password() -> None:
    assert fault_of(encrypted("secret")).code is FailureCode.PDF_ENCRYPTED


def test_pdf_is_read_when_only_its_owner_has_a_password() -> None:
    assert read(encrypted("")).pages[0].text == "Hello\n"


def encrypted(user_password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([(50, 700, "Hello")])))
    writer.encrypt(user_password, "owner", algorithm="RC4-128")
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


@pytest.mark.catalogue("C02")
def test_pdf_is_corrupt_when_it_is_cut_off_early() -> None:
    assert fault_of(pdf([(50, 700, "Hello")])[:60]).code is FailureCode.FILE_CORRUPT


def test_pdf_warns_when_its_end_is_missing_but_its_pages_are_there() -> None:
    content = pdf([(50, 700, "Hello")])
    document = read(content[: content.rindex(b"startxref")])
    assert document.pages[0].text == "Hello\n"
    assert document.warnings == ("FILE_TRUNCATED",)


def test_pdf_is_read_when_junk_stands_before_its_header() -> None:
    assert read(b"HTTP/1.1 200 OK\n" * 20 + pdf([(50, 700, "Hello")])).pages[0].text == "Hello\n"


@pytest.mark.catalogue("C13")
def test_pdf_has_no_text_when_all_pages_are_blank() -> None:
    assert fault_of(pdf([], [])).code is FailureCode.NO_TEXT


@pytest.mark.catalogue("C05")
def test_pdf_is_refused_when_it_has_more_pages_than_allowed() -> None:
    fault = fault_of(pdf([(50, 700, "a")], [(50, 700, "b")]), ParseLimits(max_pages=1))
    assert fault.code is FailureCode.TOO_MANY_PAGES
    assert "2 pages, 1 are allowed" in fault.message


def test_pdf_is_refused_when_it_holds_more_text_than_allowed() -> None:
    content = pdf(*([(50.0, 700.0, "a line of text")] for _ in range(20)))
    assert fault_of(content, ParseLimits(text_bytes=100)).code is FailureCode.RESOURCE_LIMIT


@pytest.mark.catalogue("C10")
def test_pdf_flags_attachments_when_it_carries_them() -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([(50, 700, "Hello")])))
    writer.add_attachment("evil.exe", b"MZ")
    stream = io.BytesIO()
    writer.write(stream)
    document = read(stream.getvalue())
    assert document.pages[0].text == "Hello\n"
    assert document.warnings == ("ACTIVE_CONTENT_IGNORED",)
