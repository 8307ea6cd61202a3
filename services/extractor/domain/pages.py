"""What a parser hands on: numbered pages of text, with tables kept as tables."""

from dataclasses import dataclass

Row = tuple[str, ...]
Table = tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page (a sheet, a message part or the whole of a text file counts as one)."""

    number: int
    """From 1."""
    text: str
    """Reading order, lines ended by a newline; the text that quotes are looked up in."""
    tables: tuple[Table, ...] = ()
    """Rows of cells, whose text stands in `text` too."""


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The text of one file, whatever its format was."""

    media_type: str
    """As sniffed from the bytes, e.g. `application/pdf`."""
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    """Codes of what was passed over, e.g. `ACTIVE_CONTENT_IGNORED`."""
