"""From text placed on a page to lines in reading order, and to tables.

PDF keeps text in the order it was painted. Forms are often painted label by label, then value by value, so text that
reads `No. INV-1` on paper comes out torn apart; here it is put back into lines. Articles in columns are painted column
by column, which is how they are read, and stay as they are.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from extractor.domain.pages import Table
from extractor.parse.gathering import CELL_SEPARATOR, cell_text

_SAME_LINE = 0.45
_WIDE_GAP = 1.1
_TABLE_STEP = 3.5
_COLUMN_WIDTH = 0.28
_COLUMN_LINES = 5


class Segment(NamedTuple):
    """A stretch of text on one baseline; points, y grows upwards. A tuple because pages have thousands."""

    left: float
    bottom: float
    right: float
    top: float
    text: str

    @property
    def middle(self) -> float:
        """Height of the middle of the text on the page."""
        return (self.bottom + self.top) / 2


Line = list[Segment]


def is_wide(gap: float, height: float) -> bool:
    """Whether a gap inside a line parts cells rather than words."""
    return gap > _WIDE_GAP * max(height, 6.0)


def arrange(segments: Sequence[Segment], page_width: float) -> tuple[str, list[Table]]:
    """Text in reading order, and the tables in it."""
    if not segments:
        return "", []
    height = median(segment.top - segment.bottom for segment in segments)
    in_order = _is_in_order(segments, height) or _in_columns(segments, page_width, height)
    lines = list(_painted_lines(segments, height) if in_order else _visual_lines(segments, height))
    cells = [_cells(line, height) for line in lines]
    text = "".join(CELL_SEPARATOR.join(cell.text for cell in line) + "\n" for line in cells)
    return text, list(_tables(cells, height))


def _on_one_line(first: Segment, second: Segment, height: float) -> bool:
    return abs(first.middle - second.middle) <= _SAME_LINE * height


def _is_in_order(segments: Sequence[Segment], height: float) -> bool:
    return all(
        after.left >= before.left if _on_one_line(before, after, height) else after.middle < before.middle
        for before, after in pairwise(segments)
    )


def _in_columns(segments: Sequence[Segment], page_width: float, height: float) -> bool:
    """Whether what breaks the order are columns of running text: long stretches of wide lines beside each other."""
    stretches = [stretch for stretch in _stretches(segments, height) if len(stretch) >= _COLUMN_LINES]
    wide = [
        stretch
        for stretch in stretches
        if median(segment.right - segment.left for segment in stretch) >= _COLUMN_WIDTH * page_width
    ]
    return len(wide) > 1 and len(wide) == len(stretches)


def _stretches(segments: Sequence[Segment], height: float) -> Iterator[Line]:
    """Runs of segments that go down the page."""
    stretch: Line = []
    for segment in segments:
        if stretch and segment.middle > stretch[-1].middle + height:
            yield stretch
            stretch = []
        stretch.append(segment)
    yield stretch


def _painted_lines(segments: Sequence[Segment], height: float) -> Iterator[Line]:
    line: Line = []
    for segment in segments:
        if line and not (_on_one_line(line[-1], segment, height) and segment.left >= line[-1].left):
            yield line
            line = []
        line.append(segment)
    yield line


def _visual_lines(segments: Sequence[Segment], height: float) -> Iterator[Line]:
    line: Line = []
    for segment in sorted(segments, key=lambda segment: -segment.middle):
        if line and not _on_one_line(line[0], segment, height):
            yield sorted(line, key=lambda segment: segment.left)
            line = []
        line.append(segment)
    yield sorted(line, key=lambda segment: segment.left)


def _cells(line: Line, height: float) -> Line:
    """Segments with no wide gap between them run together."""
    cells = [line[0]]
    for segment in line[1:]:
        last = cells[-1]
        if is_wide(segment.left - last.right, height):
            cells.append(segment)
        else:
            cells[-1] = _joined(last, segment)
    return cells


def _joined(first: Segment, second: Segment) -> Segment:
    return Segment(
        first.left,
        min(first.bottom, second.bottom),
        max(first.right, second.right),
        max(first.top, second.top),
        f"{first.text} {second.text}",
    )


def _tables(lines: list[Line], height: float) -> Iterator[Table]:
    for block in _blocks(lines, height):
        columns = _columns(block)
        if len(block) > 1 and len(columns) > 1:
            table = tuple(tuple(_row(line, columns)) for line in block)
            if sum(map(bool, table[0])) == len(block[0]):
                yield table


def _blocks(lines: list[Line], height: float) -> Iterator[list[Line]]:
    """Neighbouring lines of two cells or more, near each other."""
    block: list[Line] = []
    for line in lines:
        is_near = bool(block) and 0 < block[-1][0].middle - line[0].middle <= _TABLE_STEP * max(height, 6.0)
        if len(line) > 1 and is_near:
            block.append(line)
            continue
        if block:
            yield block
        block = [line] if len(line) > 1 else []
    if block:
        yield block


def _columns(block: list[Line]) -> list[tuple[float, float]]:
    """Stretches of the x axis that cells of the block cover, from left to right."""
    columns: list[tuple[float, float]] = []
    for left, right in sorted((cell.left, cell.right) for line in block for cell in line):
        if columns and left <= columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _row(line: Line, columns: list[tuple[float, float]]) -> Iterator[str]:
    for left, right in columns:
        yield cell_text(" ".join(cell.text for cell in line if left <= cell.left <= right))
