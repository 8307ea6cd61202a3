import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source


def read(content: bytes, name: str = "x.txt", limits: ParseLimits | None = None) -> ParsedDocument:
    return parse(Source(name, content), limits or ParseLimits())


@pytest.mark.catalogue("C14", "C15")
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Rechnung für Müller, 12,50 €", "utf-8"),
        ("Rechnung für Müller", "utf-8-sig"),
        ("Rechnung für Müller", "utf-16"),
        ("Rechnung für Müller", "utf-16-le"),
        ("Rechnung für Müller", "utf-16-be"),
        ("Rechnung für Müller", "utf-32"),
        ("Rechnung für Müller", "latin-1"),
        ("Total: 12 £", "cp1252"),
        ("Facture réglée par chèque, période été", "cp1252"),
        ("Faktura za usługi księgowe, należność łącznie, Łódź", "cp1250"),
        ("Счёт на оплату услуг, сумма к оплате двести рублей", "cp1251"),
        ("Τιμολόγιο πώλησης, σύνολο πληρωτέο", "cp1253"),
        ("請求書 株式会社サンプル 合計金額 消費税込み", "shift_jis"),
        ("发票 有限公司 总金额 人民币 付款日期", "gb18030"),
        ("세금계산서 주식회사 합계금액", "euc_kr"),
    ],
)
def test_text_is_read_in_its_encoding(text: str, encoding: str) -> None:
    document = read(text.encode(encoding))
    assert document.pages[0].text == text
    assert document.warnings == ()


def test_text_keeps_its_umlauts_when_one_byte_of_its_utf8_is_broken() -> None:
    document = read("Müller, Köln, Straße".encode() + b" \xff end")
    assert document.pages[0].text == "Müller, Köln, Straße \ufffd end"
    assert document.warnings == ("TEXT_REPLACED",)


@pytest.mark.catalogue("C14")
def test_text_replaces_nuls_and_says_so() -> None:
    document = read(b"A long enough text with \0 one NUL in it")
    assert document.pages[0].text == "A long enough text with \ufffd one NUL in it"
    assert document.warnings == ("TEXT_REPLACED",)


def test_text_has_one_kind_of_line_end_when_the_file_mixes_them() -> None:
    assert read(b"a\r\nb\rc\nd").pages[0].text == "a\nb\nc\nd"


def test_text_begins_a_page_at_each_form_feed() -> None:
    assert [page.text for page in read(b"one\f\r\ntwo\f").pages] == ["one", "\ntwo"]


def test_text_is_refused_when_it_is_blank() -> None:
    with pytest.raises(DocumentFault) as caught:
        read(b" \n\t\n")
    assert caught.value.code is FailureCode.NO_TEXT


@pytest.mark.catalogue("C14")
def test_text_is_refused_when_it_is_longer_than_allowed() -> None:
    with pytest.raises(DocumentFault) as caught:
        read(b"long " * 100, limits=ParseLimits(text_bytes=100))
    assert caught.value.code is FailureCode.RESOURCE_LIMIT


def test_markdown_keeps_its_pipe_tables() -> None:
    document = read(b"# Order\n\n| Item | Qty |\n|:-----|----:|\n| Bolt | 10 |\n\nEnd\n", "x.md")
    assert document.media_type == "text/markdown"
    assert document.pages[0].tables == ((("Item", "Qty"), ("Bolt", "10")),)
