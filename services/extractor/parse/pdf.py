"""PDF, by PDFium: text in reading order page by page, tables, and the values filled into form fields.

PDFium mends broken cross-reference tables by itself. `pypdf` as a second reader was measured over 300 mutated files and
left out: it opened only five more (beside those with junk before the header, which is cut off here), answers nothing at
all for some bombs, and what it salvages from half a file would pass for the whole.
"""

import ctypes
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pypdfium2 as pdfium  # pyright: ignore[reportMissingTypeStubs]
import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Table
from extractor.parse.gathering import ACTIVE_CONTENT_IGNORED, Gathering
from extractor.parse.layout import arrange
from extractor.parse.limits import MIB
from extractor.parse.pdf_text import PageText
from extractor.parse.source import Source

FILE_TRUNCATED = "FILE_TRUNCATED"
_raw = cast("Any", pdfium_c)
_SEARCHED = 64 * MIB
_SPELLED = (
    "".join(rf"(?:{letter}|#{ord(letter):02x})" for letter in word)
    for word in ("JavaScript", "Launch", "RichMedia", "SubmitForm", "ImportData")
)
# Any letter of a name may stand as its number. What lies in a compressed object stream is not seen.
_ACTIVE = re.compile(rf"/(?:{'|'.join(_SPELLED)})\b".encode())
_MOST_PREFIXED = 200 * MIB


def read(source: Source, sheets: Gathering) -> None:
    """Add all pages, blank ones too. PDF_ENCRYPTED, FILE_CORRUPT, TOO_MANY_PAGES."""
    with closing(_opened(source)) as document:
        count = len(document)
        sheets.expect(count)
        _note_warnings(document, source, sheets)
        if document.get_formtype() != _raw.FORMTYPE_NONE:
            document.init_forms()
        for index in range(count):
            sheets.add(*_page(document, index))


def _opened(source: Source) -> Any:
    """The document; a password-less open of a protected one fails, which is how protection shows."""
    try:
        return pdfium.PdfDocument(_from_header(source))
    except pdfium.PdfiumError as error:
        raise _fault(cast("int | None", getattr(error, "err_code", None))) from error


def _fault(error_code: int | None) -> DocumentFault:
    if error_code in {_raw.FPDF_ERR_PASSWORD, _raw.FPDF_ERR_SECURITY}:
        return DocumentFault(FailureCode.PDF_ENCRYPTED, "the PDF is protected by a password")
    return DocumentFault(FailureCode.FILE_CORRUPT, "the PDF is damaged beyond repair or cut off")


def _from_header(source: Source) -> Path | bytes:
    """PDFium reads a path piece by piece. Junk before the header shifts every offset in the file, so it is cut off."""
    junk = source.slice(0, 1029).find(b"%PDF-")
    return source.content if junk <= 0 else source.read(_MOST_PREFIXED)[junk:]


def _note_warnings(document: Any, source: Source, sheets: Gathering) -> None:
    if b"%%EOF" not in source.slice(-2048, 2048):
        sheets.warn(FILE_TRUNCATED)
    has_scripts = _raw.FPDFDoc_GetJavaScriptActionCount(document.raw) > 0
    if has_scripts or document.count_attachments() or _ACTIVE.search(source.slice(0, _SEARCHED)):
        sheets.warn(ACTIVE_CONTENT_IGNORED)


def _page(document: Any, index: int) -> tuple[str, list[Table]]:
    try:
        with closing(document[index]) as page:
            text, tables = _page_text(page)
            return text + "".join(_form_lines(document, page)), tables
    except pdfium.PdfiumError as error:
        raise DocumentFault(FailureCode.FILE_CORRUPT, f"page {index + 1} of the PDF cannot be read") from error


def _page_text(page: Any) -> tuple[str, list[Table]]:
    with closing(page.get_textpage()) as textpage:
        text: str = textpage.get_text_range()
        if page.get_rotation() % 180 or textpage.count_chars() != len(text):
            # Geometry would mislead: lines stand upright, or character numbers are not positions in the text.
            return text.replace("\ufffe", "-\n") + "\n", []
        return arrange(list(PageText(textpage.raw, text).segments()), page.get_width())


def _form_lines(document: Any, page: Any) -> Iterator[str]:
    """What is filled into the fields of the page, as `name: value`; it stands in no text object."""
    if document.formenv is None:
        return
    for index in range(_raw.FPDFPage_GetAnnotCount(page.raw)):
        annotation = _raw.FPDFPage_GetAnnot(page.raw, index)
        if _raw.FPDFAnnot_GetSubtype(annotation) == _raw.FPDF_ANNOT_WIDGET:
            name, value = (
                _string(getter, document.formenv.raw, annotation)
                for getter in (_raw.FPDFAnnot_GetFormFieldName, _raw.FPDFAnnot_GetFormFieldValue)
            )
            if value:
                yield f"{name}: {value}\n"
        _raw.FPDFPage_CloseAnnot(annotation)


def _string(getter: Any, form: object, annotation: object) -> str:
    """PDFium's way with strings: ask for the length in bytes of UTF-16, then for the bytes."""
    length: int = getter(form, annotation, None, 0)
    buffer = ctypes.create_string_buffer(length)
    getter(form, annotation, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), length)
    return buffer.raw[:-2].decode("utf-16-le", errors="replace").strip()
