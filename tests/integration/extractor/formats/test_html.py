import pytest

from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source


def read(markup: str | bytes) -> ParsedDocument:
    content = markup.encode() if isinstance(markup, str) else markup
    return parse(Source("x.html", content), ParseLimits())


@pytest.mark.catalogue("C11")
def test_html_shows_what_a_reader_sees_and_drops_the_rest() -> None:
    document = read(
        "<!doctype html><head><title>T</title><style>p{}</style></head><body><h1>Invoice <b>7</b></h1>"
        "<script>alert(1)</script><noscript>no</noscript><!-- c --><p>Total:\n  12&nbsp;&euro;<br>due now</p>tail"
    )
    assert document.pages[0].text == "Invoice 7\nTotal: 12\u00a0€\ndue now\ntail\n"
    assert document.media_type == "text/html"


def test_html_keeps_tables_with_spans_in_place() -> None:
    page = read(
        "<html><p>before</p><table><caption>Items</caption><tr><th>Item<th>Qty<th>Sum</tr>"
        "<tr><td>Big\n bolt<td>2<td>5.00</tr><tr><td colspan=2>Total<td>5.00</tr></table>after"
    ).pages[0]
    assert page.tables == ((("Items",), ("Item", "Qty", "Sum"), ("Big bolt", "2", "5.00"), ("Total", "", "5.00")),)
    assert page.text == "before\nItems\nItem\tQty\tSum\nBig bolt\t2\t5.00\nTotal\t\t5.00\nafter\n"


def test_html_reads_layout_tables_as_text_and_the_tables_in_them_as_tables() -> None:
    page = read("<html><table><tr><td>Menu<td><table><tr><td>a<td>b</table></table>").pages[0]
    assert page.tables == ((("a", "b"),),)
    assert page.text == "Menu\na\tb\n"


@pytest.mark.catalogue("C16")
def test_html_ignores_hidden_text_and_says_so() -> None:
    document = read("<html><p>seen<p hidden>one<p style='color:red; DISPLAY : none'>two<span style='display:none'>3")
    assert document.pages[0].text == "seen\n"
    assert document.warnings == ("HIDDEN_CONTENT_IGNORED",)


def test_html_believes_its_meta_charset() -> None:
    assert read('<html><meta charset="cp1251"><p>Счёт'.encode("cp1251")).pages[0].text == "Счёт\n"


def test_html_is_read_when_its_meta_charset_does_not_exist() -> None:
    assert read('<html><meta charset="no-such"><p>Grüße').pages[0].text == "Grüße\n"


def test_html_is_read_when_it_nests_deeper_than_python_may_recurse() -> None:
    assert read("<html>" + "<i>" * 3000 + "deep").pages[0].text == "deep\n"
