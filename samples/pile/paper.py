"""A sheet of A4 to draw on with the origin at the top left; the same calls give the same bytes."""

import io
from collections.abc import Callable, Sequence
from typing import Any, cast

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
MARGIN = 56.0
RIGHT = WIDTH - MARGIN
INK = "#1f2430"
GREY = "#6b7280"

Column = tuple[str, float, bool]
"""Heading, x of its edge, and whether it is set flush right."""


class Sheet:
    """Thin words around a canvas."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 9.5,
        bold: bool = False,
        colour: str = INK,
        right: bool = False,
    ) -> None:
        """Words with their baseline `y` points below the top; `right` ends them at x."""
        self._canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        self._canvas.setFillColor(HexColor(colour))
        draw = self._canvas.drawRightString if right else self._canvas.drawString
        draw(x, HEIGHT - y, words)

    def block(self, x: float, y: float, lines: Sequence[str], *, colour: str = INK, leading: float = 13) -> None:
        """Lines under each other."""
        for number, line in enumerate(lines):
            self.text(x, y + number * leading, line, colour=colour)

    def rule(self, y: float, *, start: float = MARGIN, end: float = RIGHT, colour: str = "#d1d5db") -> None:
        """A thin line across."""
        self._canvas.setStrokeColor(HexColor(colour))
        self._canvas.setLineWidth(0.7)
        self._canvas.line(start, HEIGHT - y, end, HEIGHT - y)

    def band(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled box whose top is `y` below the top."""
        self._canvas.setFillColor(HexColor(colour))
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def table(
        self, y: float, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, leading: float = 18
    ) -> float:
        """Headings, a rule and rows; answers where the next thing may stand."""
        for heading, x, right in columns:
            self.text(x, y, heading, size=8.5, bold=True, colour=GREY, right=right)
        self.rule(y + 6)
        for number, row in enumerate(rows, 1):
            for cell, (_, x, right) in zip(row, columns, strict=True):
                self.text(x, y + 4 + number * leading, cell, right=right)
        end = y + 12 + len(rows) * leading
        self.rule(end)
        return end + leading

    def image(self, picture: Any) -> None:
        """A picture over the whole sheet."""
        self._canvas.drawInlineImage(picture, 0, 0, WIDTH, HEIGHT)

    def next(self) -> None:
        """Go on with a new page."""
        self._canvas.showPage()


def pdf(title: str, draw: Callable[[Sheet], None], *, encrypt: Any = None) -> bytes:
    """A PDF whose bytes depend on nothing but what is drawn."""
    buffer = io.BytesIO()
    canvas = cast("Any", Canvas)(buffer, pagesize=A4, invariant=1, encrypt=encrypt)
    canvas.setTitle(title)
    canvas.setAuthor("Quire sample pile")
    draw(Sheet(canvas))
    canvas.save()
    return buffer.getvalue()
