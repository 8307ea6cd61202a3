import pytest

from extractor.domain.pages import ParsedDocument, Table
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source


def read(content: bytes, name: str = "x.csv") -> ParsedDocument:
    return parse(Source(name, content), ParseLimits())


@pytest.mark.parametrize(
    ("content", "table"),
    [
        (b'Name,Total\n"Smith, John",12\n', (("Name", "Total"), ("Smith, John", "12"))),
        ("Name;Preis\nJörg;1,50\n".encode("cp1252"), (("Name", "Preis"), ("Jörg", "1,50"))),
        (b"a\tb\r\n1\t2\r\n", (("a", "b"), ("1", "2"))),
        (b"a|b\n1|2\n\n3|4\n", (("a", "b"), ("1", "2"), ("3", "4"))),
        (b'a,b\n"two\nlines",2\n', (("a", "b"), ("two lines", "2"))),
        (b"title\na,b,c\n1,2\n", (("title",), ("a", "b", "c"), ("1", "2"))),
        ("a,b\n1,2\n".encode("utf-16"), (("a", "b"), ("1", "2"))),
    ],
)
def test_csv_becomes_a_table_whatever_its_dialect(content: bytes, table: Table) -> None:
    page = read(content).pages[0]
    assert page.tables == (table,)


def test_csv_text_holds_its_rows_as_lines_with_tabs_between_cells() -> None:
    document = read(b"a,b\n1,2\n")
    assert document.pages[0].text == "a\tb\n1\t2\n"
    assert document.media_type == "text/csv"


def test_csv_is_read_when_a_cell_is_longer_than_pythons_own_limit() -> None:
    assert len(read(b"a,b\n1," + b"x" * 200_000).pages[0].tables[0][1][1]) == 200_000


def test_csv_survives_when_a_quote_is_never_closed() -> None:
    assert "open" in read(b'a,b\n1,"open\n2,3\n').pages[0].text
