"""DOCX: headers first, then paragraphs and tables in their order, then notes and footers; pages where Word broke them.

The parts are read as XML by themselves: `python-docx` passes over content controls (forms), text boxes, insertions
under review and notes without a word, and costs each child 0.25 s at start. A document type declaration ends the
reading before any entity is looked at; links that lead outside are never followed.
"""

import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse import archive
from extractor.parse.gathering import ACTIVE_CONTENT_IGNORED, HIDDEN_CONTENT_IGNORED, Gathering
from extractor.parse.source import Source
from extractor.parse.wordml import Body, blocks

_BEFORE = re.compile(r"word/header\d*\.xml")
_AFTER = re.compile(r"word/(footnotes|endnotes|footer\d*)\.xml")
_RUNS = re.compile(r"vbaproject\.bin$|^word/(activex|embeddings)/", re.IGNORECASE)
_FETCHED = re.compile(r"/(attachedTemplate|oleObject|frame|subDocument|image)$")


def read(source: Source, sheets: Gathering) -> None:
    """Add the pages; one when the file does not say where they break."""
    with archive.opened(source) as opened:
        archive.refuse_doctypes(opened)
        _note_active_content(opened, sheets)
        parts = opened.namelist()
        before = [_body(opened, part) for part in sorted(filter(_BEFORE.fullmatch, parts))]
        main = _body(opened, "word/document.xml")
        after = [_body(opened, part) for part in sorted(filter(_AFTER.fullmatch, parts))]
    if any(body.has_hidden for body in (*before, main, *after)):
        sheets.warn(HIDDEN_CONTENT_IGNORED)
    if any(body.has_commands for body in (*before, main, *after)):
        sheets.warn(ACTIVE_CONTENT_IGNORED)
    _add_pages(_distinct(before), main, _distinct(after), sheets)


def _add_pages(before: str, main: Body, after: str, sheets: Gathering) -> None:
    pages = main.pages()
    sheets.expect(len(pages))
    for number, (text, tables) in enumerate(pages, start=1):
        head, foot = before if number == 1 else "", after if number == len(pages) else ""
        sheets.add(head + text + foot, tables)


def _distinct(bodies: list[Body]) -> str:
    """Headers for first, odd and even pages often say the same."""
    return "".join(dict.fromkeys(text for body in bodies for text, _ in body.pages() if text.strip()))


def _body(opened: zipfile.ZipFile, part: str) -> Body:
    body = Body()
    blocks(_xml(opened, part), body)
    return body


def _xml(opened: zipfile.ZipFile, part: str) -> ET.Element:
    with opened.open(part) as stream:
        try:
            return ET.parse(stream).getroot()  # noqa: S314 - refuse_doctypes has been there
        except ET.ParseError as error:
            raise DocumentFault(FailureCode.FILE_CORRUPT, f"{part} is not well-formed XML: {error}") from error


def _note_active_content(opened: zipfile.ZipFile, sheets: Gathering) -> None:
    names = opened.namelist()
    if any(map(_RUNS.search, names)) or any(map(_loads_by_itself, _relations(opened, names))):
        sheets.warn(ACTIVE_CONTENT_IGNORED)


def _relations(opened: zipfile.ZipFile, names: list[str]) -> Iterator[ET.Element]:
    for name in names:
        if name.startswith("word/_rels/") and name.endswith(".rels"):
            yield from _xml(opened, name)


def _loads_by_itself(relation: ET.Element) -> bool:
    """Whether Word would fetch the target from elsewhere unasked (a hyperlink waits for a click)."""
    return relation.get("TargetMode") == "External" and _FETCHED.search(relation.get("Type", "")) is not None
