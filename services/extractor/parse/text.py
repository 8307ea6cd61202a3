"""Plain text and Markdown: one page, as it stands, with Markdown's pipe tables kept as tables."""

import re
from collections.abc import Iterator

from extractor.domain.pages import Row, Table
from extractor.parse.decoding import decode
from extractor.parse.gathering import Gathering, cell_text
from extractor.parse.source import Source

_PIPE_TABLE = re.compile(r"(?:^[ \t]*\|.*\|[ \t]*(?:\n|\Z)){2,}", re.MULTILINE)
_RULE = re.compile(r"[\s|:-]+")
_FORM_FEED = "\f"


def read(source: Source, sheets: Gathering) -> None:
    """Add a page for each part between form feeds, usually one."""
    text = decode(source.read(2 * sheets.limits.text_bytes), sheets)
    for page in text.replace("\r\n", "\n").rstrip(_FORM_FEED).split(_FORM_FEED):
        sheets.add(page, list(_tables(page)))


def _tables(text: str) -> Iterator[Table]:
    for found in _PIPE_TABLE.finditer(text):
        yield tuple(_row(line) for line in found[0].splitlines() if not _RULE.fullmatch(line))


def _row(line: str) -> Row:
    return tuple(cell_text(cell) for cell in line.strip().strip("|").split("|"))
