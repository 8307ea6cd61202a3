"""Which module reads which kind of file."""

from typing import assert_never

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse import delimited, docx, html, json_text, mail, pdf, spreadsheet, text
from extractor.parse.gathering import Gathering
from extractor.parse.limits import ParseLimits
from extractor.parse.sniff import Kind, sniff
from extractor.parse.sniff_text import TextKind
from extractor.parse.source import Source


def parse(source: Source, limits: ParseLimits) -> ParsedDocument:
    """The pages of the file, within the limits that can be held from inside. Raises DocumentFault."""
    sheets = Gathering(limits)
    try:
        kind = add_pages(source, sheets)
    except (MemoryError, RecursionError) as error:
        raise DocumentFault(
            FailureCode.RESOURCE_LIMIT, f"reading the file takes more than the {limits.memory_bytes} bytes allowed"
        ) from error
    return sheets.bind(kind)


def add_pages(source: Source, sheets: Gathering) -> Kind | TextKind:
    """Add the pages of one file, which may be an attachment of another."""
    kind = sniff(source)
    match kind:
        case Kind.PDF:
            pdf.read(source, sheets)
        case Kind.DOCX:
            docx.read(source, sheets)
        case Kind.XLSX | Kind.ODS:
            spreadsheet.read_zipped(source, sheets)
        case Kind.XLS:
            spreadsheet.read(source, sheets)
        case TextKind():
            _add_text_pages(kind, source, sheets)
        case _:
            assert_never(kind)
    return kind


def _add_text_pages(kind: TextKind, source: Source, sheets: Gathering) -> None:
    match kind:
        case TextKind.CSV | TextKind.TSV:
            delimited.read(source, sheets)
        case TextKind.HTML:
            html.read(source, sheets)
        case TextKind.EML:
            mail.read(source, sheets, add_pages)
        case TextKind.JSON | TextKind.NDJSON:
            json_text.read(source, sheets)
        case TextKind.PLAIN | TextKind.MARKDOWN:
            text.read(source, sheets)
        case _:
            assert_never(kind)
