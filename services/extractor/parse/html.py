"""HTML: what a reader would see, as one page; data tables are kept, layout tables are read as text."""

import re
from collections.abc import Callable
from typing import cast

from selectolax.lexbor import LexborHTMLParser, LexborNode

from extractor.domain.pages import Row, Table
from extractor.parse.decoding import decode
from extractor.parse.gathering import HIDDEN_CONTENT_IGNORED, Gathering, cell_text, table_text
from extractor.parse.source import Source

_UNSEEN = frozenset(
    {
        "audio",
        "canvas",
        "head",
        "iframe",
        "math",
        "noscript",
        "object",
        "script",
        "style",
        "svg",
        "template",
        "title",
        "video",
    }
)
_BLOCK = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    }
)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_SPACES = re.compile(r" {2,}")
_LINE_SPACE = re.compile(r" ?\n[ \n]*")


def read(source: Source, sheets: Gathering) -> None:
    """Add the visible text and the data tables."""
    content = source.read(4 * sheets.limits.text_bytes)
    declared = _CHARSET.search(content[:4096])
    add(decode(content, sheets, declared[1].decode("ascii") if declared else None), sheets)


def add(markup: str, sheets: Gathering) -> None:
    """Add a page for markup that is text already."""
    text, tables = visible(markup, sheets)
    sheets.add(text, tables)


def visible(markup: str, sheets: Gathering) -> tuple[str, list[Table]]:
    """Visible text, and the data tables in it."""
    root = LexborHTMLParser(markup).root
    reader = _Reader(sheets)
    return (reader.text(root), reader.tables) if root is not None else ("", [])


class _Reader:
    """Reads one element. Walks without recursion: markup nests as deep as its author likes."""

    def __init__(self, sheets: Gathering) -> None:
        self.tables: list[Table] = []
        self._sheets = sheets
        self._done: list[str] = []
        self._flowing: list[str] = []

    def text(self, root: LexborNode) -> str:
        """The text of the element; its tables are in `tables` afterwards."""
        _walk(root, self._enter, self._leave)
        self._settle()
        return "".join(self._done)

    def _enter(self, node: LexborNode) -> bool:
        """Take what the node says by itself; whether its children are to be read too."""
        tag = node.tag or ""
        if tag == "-text":
            self._flowing.append(_SPACE.sub(" ", node.text_content or ""))
            return False
        if tag in _UNSEEN or self._is_hidden(node):
            return False
        if tag == "table" and (table := self._table(node)):
            self._settle()
            self.tables.append(table)
            self._done.append(table_text(table))
            return False
        self._flowing.append(_edge(tag))
        return True

    def _leave(self, node: LexborNode) -> None:
        self._flowing.append(_edge(node.tag or ""))

    def _settle(self) -> None:
        """Turn what has flowed together into tidy lines."""
        lines = _LINE_SPACE.sub("\n", _SPACES.sub(" ", "".join(self._flowing))).strip()
        self._flowing.clear()
        if lines:
            self._done.append(lines + "\n")

    def _table(self, table: LexborNode) -> Table:
        """Its rows; none when it only lays out the page."""
        if any(nested.mem_id != table.mem_id for nested in table.css("table")):
            return ()
        rows = tuple(row for tr in table.css("caption, tr") if any(row := self._row(tr)))
        return rows if any(len(row) > 1 for row in rows) else ()

    def _row(self, row: LexborNode) -> Row:
        if row.tag == "caption":
            return (self._cell(row),)
        return tuple(
            text
            for cell in row.iter()
            if cell.tag in {"td", "th"}
            for text in (self._cell(cell), *[""] * (_span(cell) - 1))
        )

    def _cell(self, cell: LexborNode) -> str:
        return cell_text(_Reader(self._sheets).text(cell))

    def _is_hidden(self, node: LexborNode) -> bool:
        attributes = node.attributes
        hidden = "hidden" in attributes or _HIDING.search(attributes.get("style") or "") is not None
        if hidden:
            self._sheets.warn(HIDDEN_CONTENT_IGNORED)
        return hidden


def _walk(root: LexborNode, enter: Callable[[LexborNode], bool], leave: Callable[[LexborNode], None]) -> None:
    node, depth = root, 0
    descend = enter(root)
    while True:
        if descend and (child := node.child) is not None:
            node, depth = child, depth + 1
        else:
            if descend:
                leave(node)
            while depth and node.next is None:
                node, depth = cast("LexborNode", node.parent), depth - 1
                leave(node)
            if not depth:
                return
            node = cast("LexborNode", node.next)
        descend = enter(node)


def _edge(tag: str) -> str:
    if tag in _BLOCK:
        return "\n"
    return " " if tag in {"td", "th"} else ""


def _span(cell: LexborNode) -> int:
    """How many columns a cell covers; browsers stop at 1000, rows of one document hardly need 100."""
    declared = cell.attributes.get("colspan") or "1"
    return min(100, int(declared)) if declared.isascii() and declared.isdigit() and declared != "0" else 1
