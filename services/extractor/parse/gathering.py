"""Where parsers put their pages: numbers them, cleans their text, holds the limits (a gathering is a quire to be)."""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Page, ParsedDocument, Row, Table
from extractor.parse.limits import ParseLimits

CELL_SEPARATOR = "\t"
DEEPEST_NESTING = 8

TEXT_REPLACED = "TEXT_REPLACED"
HIDDEN_CONTENT_IGNORED = "HIDDEN_CONTENT_IGNORED"
ACTIVE_CONTENT_IGNORED = "ACTIVE_CONTENT_IGNORED"

_UNCLEAN = re.compile("[\0-\x08\x0b-\x1f\x7f\x85\u2028\ud800-\udfff\ufffe\uffff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LINE_END = re.compile("\r\n?|[\f\v\x85\u2028]")
_CONTROL = re.compile("[\x01-\x08\x0e-\x1f\x7f\ufffe\uffff]")


def table_text(rows: Sequence[Row]) -> str:
    """How a table reads inside the text of its page: a line for each row, a tab between cells."""
    return "".join(CELL_SEPARATOR.join(row).rstrip() + "\n" for row in rows)


def cell_text(text: str) -> str:
    """Text as one cell: a single line without tabs."""
    return text if text.isalnum() else " ".join(text.split())


@dataclass(slots=True)
class Gathering:
    """The pages of one document so far."""

    limits: ParseLimits
    _pages: list[Page] = field(default_factory=list[Page])
    _warnings: dict[str, None] = field(default_factory=dict[str, None])
    _bytes: int = 0
    _depth: int = 0

    def expect(self, pages: int) -> None:
        """Refuse a document early that says how many pages are to come."""
        if len(self._pages) + pages > self.limits.max_pages:
            raise DocumentFault(
                FailureCode.TOO_MANY_PAGES,
                f"the document has {len(self._pages) + pages} pages, {self.limits.max_pages} are allowed",
            )

    def add(self, text: str, tables: Sequence[Table] = ()) -> None:
        """Append a page. A blank one counts too: page numbers must be those the reader sees."""
        self.expect(1)
        clean = self._clean(text)
        self._count(clean)
        # What stands in the cells stands in the text, so a text that was clean has clean tables.
        cleaned = tables if clean == text else [self._clean_table(table) for table in tables]
        self._pages.append(Page(len(self._pages) + 1, clean, tuple(cleaned)))

    def warn(self, code: str) -> None:
        """Note what was passed over, once."""
        self._warnings[code] = None

    @contextmanager
    def nested(self) -> Generator[None]:
        """While a file inside a file is read; RESOURCE_LIMIT when that goes too deep."""
        if self._depth >= DEEPEST_NESTING:
            raise DocumentFault(
                FailureCode.RESOURCE_LIMIT, f"files are nested more than {DEEPEST_NESTING} deep inside each other"
            )
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @property
    def is_blank(self) -> bool:
        """Whether no page holds a visible character."""
        return not any(page.text.strip() for page in self._pages)

    def bind(self, media_type: str) -> ParsedDocument:
        """The finished document; NO_TEXT when there is nothing to read in it."""
        if self.is_blank:
            raise DocumentFault(
                FailureCode.NO_TEXT, f"{len(self._pages)} pages of {media_type} were read and hold no text"
            )
        return ParsedDocument(media_type, tuple(self._pages), tuple(self._warnings))

    def _clean_table(self, table: Table) -> Table:
        return tuple(tuple(self._clean(cell) for cell in row) for row in table)

    def _clean(self, text: str) -> str:
        if _UNCLEAN.search(text) is None:
            return text
        return _CONTROL.sub(" ", _LINE_END.sub("\n", self._storable(text)))

    def _storable(self, text: str) -> str:
        """PostgreSQL and JSON take neither NUL nor half a surrogate pair."""
        storable = _UNSTORABLE.sub("\ufffd", text)
        if storable != text:
            self.warn(TEXT_REPLACED)
        return storable

    def _count(self, text: str) -> None:
        self._bytes += len(text) if text.isascii() else len(text.encode())
        if self._bytes > self.limits.text_bytes:
            raise DocumentFault(
                FailureCode.RESOURCE_LIMIT, f"the document holds more than {self.limits.text_bytes} bytes of text"
            )
