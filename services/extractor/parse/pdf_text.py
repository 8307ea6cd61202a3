"""The text of one PDF page as placed segments: the boundary to PDFium's C interface, which has no types.

PDFium already breaks text into lines. The boxes of a line are asked for, which is cheap, and only where two of them lie
apart does the search for the character between them begin; asking for every character's box would take three times as
long.
"""

import ctypes
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

from extractor.parse.layout import Segment, is_wide

_raw = cast("Any", pdfium_c)
_LINE_END = "\r\n"
_HYPHEN = "\ufffe"
"""PDFium puts it for a hyphen at the end of a line, and leaves the line end out."""
_GAP = re.compile(f"[ {_HYPHEN}](?=.)")


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


class PageText:
    """One loaded text page."""

    def __init__(self, handle: object, text: str) -> None:
        self._handle = handle
        self._text = text
        self._sides = (ctypes.c_double * 4)()
        self._side_pointers = [_pointer_to(self._sides, place) for place in range(4)]

    def segments(self) -> Iterator[Segment]:
        """In the order of the text."""
        lines = list(self._lines())
        boxes = self._boxes(0, len(self._text))
        if len(boxes) == len(lines):
            yield from (_segment(box, line) for box, (_, line) in zip(boxes, lines, strict=True))
            return
        for start, line in lines:
            yield from self._split(start, line)

    def _lines(self) -> Iterator[tuple[int, str]]:
        start = 0
        for line in self._text.split(_LINE_END):
            if line.strip():
                yield start, line
            start += len(line) + len(_LINE_END)

    def _split(self, start: int, line: str) -> Iterator[Segment]:
        boxes = self._boxes(start, len(line))
        if not boxes:
            return
        begin, box = 0, boxes[0]
        for following in boxes[1:]:
            end = self._beginning_of(following, start, line, begin + 1) if _are_apart(box, following) else None
            if end is None:
                box = _around(box, following)
            else:
                yield _segment(box, line[begin:end])
                begin, box = end, following
        yield _segment(box, line[begin:])

    def _boxes(self, start: int, count: int) -> list[_Box]:
        left, bottom, right, top = self._side_pointers
        boxes: list[_Box] = []
        for index in range(_raw.FPDFText_CountRects(self._handle, start, count)):
            _raw.FPDFText_GetRect(self._handle, index, left, top, right, bottom)
            boxes.append(_Box(*self._sides))
        return boxes

    def _beginning_of(self, box: _Box, start: int, line: str, begin: int) -> int | None:
        """Where in the line the text of the box begins: after a space or a hyphen, at the place of its left edge."""
        left, bottom, right, top = self._side_pointers
        for gap in _GAP.finditer(line, begin):
            _raw.FPDFText_GetCharBox(self._handle, start + gap.end(), left, right, bottom, top)
            found = _Box(*self._sides)
            is_level = box.bottom - 1 <= (found.bottom + found.top) / 2 <= box.top + 1
            if is_level and abs(found.left - box.left) < 1.0:
                return gap.end()
        return None


def _pointer_to(sides: Any, place: int) -> Any:
    """PDFium writes the sides of a box through four pointers; here they point into one array, read at once."""
    address = ctypes.addressof(sides) + place * ctypes.sizeof(ctypes.c_double)
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_double))


def _are_apart(first: _Box, second: _Box) -> bool:
    height = min(first.top - first.bottom, second.top - second.bottom)
    is_lower = second.top < first.bottom
    return is_lower or is_wide(second.left - first.right, height) or second.right < first.left


def _around(first: _Box, second: _Box) -> _Box:
    return _Box(
        min(first.left, second.left),
        min(first.bottom, second.bottom),
        max(first.right, second.right),
        max(first.top, second.top),
    )


def _segment(box: _Box, text: str) -> Segment:
    return Segment(*box, text.replace(_HYPHEN, "-").strip())
