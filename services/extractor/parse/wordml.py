"""The elements of WordprocessingML that hold text ([ECMA-376] part 1, chapter 17), both namespaces of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from extractor.domain.pages import Row, Table
from extractor.parse.gathering import cell_text, table_text

PRINTED_BREAK = "\f"
"""Where Word itself last began a page."""
ASKED_BREAK = "\v"
"""Where the author asked for a new page."""

_COMMAND = re.compile(r"\s*(DDE|DDEAUTO|INCLUDETEXT|INCLUDEPICTURE|IMPORT)\b", re.IGNORECASE)
_LITERALS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "lastRenderedPageBreak": PRINTED_BREAK}
_PASSED_OVER = frozenset(
    {"del", "moveFrom", "delText", "instrText", "pPr", "rPr", "Fallback", "sectPr", "tblPr", "tcPr"}
)


def name_of(element: Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2]


@dataclass(slots=True)
class Body:
    """The text of one part, with its tables and page breaks in place."""

    pieces: list[str | Table] = field(default_factory=list[str | Table])
    has_hidden: bool = False
    has_commands: bool = False
    """Whether a field would run or fetch something."""

    def pages(self) -> list[tuple[str, list[Table]]]:
        """Text and tables by page; the breaks Word printed go before those asked for, which they repeat."""
        printed = any(isinstance(piece, str) and PRINTED_BREAK in piece for piece in self.pieces)
        wanted, other = (PRINTED_BREAK, ASKED_BREAK) if printed else (ASKED_BREAK, PRINTED_BREAK)
        pages: list[tuple[list[str], list[Table]]] = [([], [])]
        for piece in self.pieces:
            if isinstance(piece, str):
                first, *following = piece.replace(other, "").split(wanted)
                pages[-1][0].append(first)
                pages += [([text], []) for text in following]
            else:
                pages[-1][0].append(table_text(piece))
                pages[-1][1].append(piece)
        return [("".join(texts), tables) for texts, tables in pages]


def blocks(parent: Element, body: Body) -> None:
    """Put paragraphs and tables below `parent` into `body`, whatever they are wrapped in (controls, insertions)."""
    for child in parent:
        match name_of(child):
            case "p":
                body.pieces.append("".join(_inline(child, body)).strip(" ") + "\n")
            case "tbl":
                if table := _table(child, body):
                    body.pieces.append(table)
            case name if name not in _PASSED_OVER:
                blocks(child, body)
            case _:
                pass


def _inline(parent: Element, body: Body) -> Iterator[str]:
    for child in parent:
        name = name_of(child)
        if name == "t":
            yield child.text or ""
        elif name in _LITERALS:
            yield _LITERALS[name]
        elif name == "br":
            yield ASKED_BREAK if _attribute(child, "type") == "page" else "\n"
        elif name == "txbxContent":
            yield f"\n{_flat(child, body)}\n"
        elif name == "r" and _is_hidden(child):
            body.has_hidden = True
        elif name in _PASSED_OVER:
            body.has_commands |= _COMMAND.match(child.text or "") is not None
        else:
            yield from _inline(child, body)


def _table(table: Element, body: Body) -> Table:
    rows = tuple(_row(row, body) for row in _within(table, "tr"))
    return tuple(row for row in rows if any(row))


def _row(row: Element, body: Body) -> Row:
    return tuple(
        text for cell in _within(row, "tc") for text in (cell_text(_flat(cell, body)), *[""] * (_span(cell) - 1))
    )


def _within(parent: Element, wanted: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, also those inside content controls, not those of nested tables."""
    for child in parent:
        name = name_of(child)
        if name == wanted:
            yield child
        elif name in {"sdt", "sdtContent", "customXml", "ins", "moveTo"}:
            yield from _within(child, wanted)


def _flat(parent: Element, body: Body) -> str:
    inner = Body()
    blocks(parent, inner)
    body.has_hidden |= inner.has_hidden
    body.has_commands |= inner.has_commands
    return "".join(text for text, _ in inner.pages())


def _is_hidden(run: Element) -> bool:
    return any(
        name_of(mark) == "vanish" and _attribute(mark, "val") not in {"0", "false", "off"}
        for properties in run
        if name_of(properties) == "rPr"
        for mark in properties
    )


def _span(cell: Element) -> int:
    """How many columns the cell covers (gridSpan)."""
    spans = [
        value
        for properties in cell
        if name_of(properties) == "tcPr"
        for mark in properties
        if name_of(mark) == "gridSpan" and (value := _attribute(mark, "val")) and value.isdigit()
    ]
    return max(1, min(100, int(spans[0]))) if spans else 1


def _attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)
