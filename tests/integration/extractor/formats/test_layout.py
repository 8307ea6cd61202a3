from extractor.parse.layout import Segment, arrange


def segment(left: float, middle: float, text: str, width: float = 60, height: float = 10) -> Segment:
    return Segment(left, middle - height / 2, left + width, middle + height / 2, text)


def test_layout_joins_words_that_stand_close_and_parts_cells_that_do_not() -> None:
    text, tables = arrange([segment(0, 100, "a"), segment(63, 100, "b"), segment(200, 101, "c")], 600)
    assert text == "a b\tc\n"
    assert tables == []


def test_layout_sorts_lines_when_the_lower_was_painted_first() -> None:
    assert arrange([segment(0, 50, "low"), segment(0, 100, "high")], 600)[0] == "high\nlow\n"


def test_layout_keeps_blocks_apart_as_tables_when_a_paragraph_stands_between() -> None:
    lines = [(100, "a", "b"), (88, "c", "d"), (52, "e", "f"), (40, "g", "h")]
    segments = [segment(x, y, text) for y, left, right in lines for x, text in ((0, left), (200, right))]
    segments.insert(4, segment(0, 70, "paragraph", width=300))
    assert arrange(segments, 600)[1] == [(("a", "b"), ("c", "d")), (("e", "f"), ("g", "h"))]


def test_layout_is_empty_when_the_page_is() -> None:
    assert arrange([], 600) == ("", [])
