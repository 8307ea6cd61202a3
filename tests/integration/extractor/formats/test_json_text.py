import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source


def read(content: bytes, name: str = "x.json") -> ParsedDocument:
    return parse(Source(name, content), ParseLimits())


def fault_of(content: bytes) -> DocumentFault:
    with pytest.raises(DocumentFault) as caught:
        read(content)
    return caught.value


def test_json_reads_as_labelled_lines_with_its_digits_kept() -> None:
    document = read(b'{"no": "INV-1", "total": 12.50, "id": 12345678901234567890, "paid": true, "to": {"city": "Ulm"}}')
    assert document.pages[0].text == (
        "no: INV-1\ntotal: 12.50\nid: 12345678901234567890\npaid: true\nto:\n  city: Ulm\n"
    )
    assert document.media_type == "application/json"


def test_json_keeps_a_list_of_objects_as_a_table() -> None:
    page = read(b'{"lines": [{"item": "Bolt", "qty": 2}, {"item": "Nut", "tags": ["a", {"b": null}]}]}').pages[0]
    assert page.tables == ((("item", "qty", "tags"), ("Bolt", "2", ""), ("Nut", "", "a, b:")),)
    assert "Bolt\t2\n" in page.text


def test_json_reads_lists_of_plain_and_nested_values() -> None:
    assert read(b'[1, "two", [3], []]').pages[0].text == "- 1\n- two\n-\n  - 3\n-\n"


def test_json_keeps_both_values_when_a_key_is_repeated() -> None:
    assert read(b'{"a": 1, "a": 2}').pages[0].text == "a: 1\na: 2\n"


def test_ndjson_becomes_one_table() -> None:
    document = read(b'{"a": 1}\n\n{"a": 2}\n', "x.ndjson")
    assert document.pages[0].tables == ((("a",), ("1",), ("2",)),)
    assert document.media_type == "application/x-ndjson"


def test_json_replaces_half_a_surrogate_pair_and_says_so() -> None:
    document = read(b'{"a": "x\\ud800y\\u0000"}')
    assert document.pages[0].text == "a: x\ufffdy\ufffd\n"
    assert document.warnings == ("TEXT_REPLACED",)


def test_json_is_corrupt_when_it_breaks_off() -> None:
    fault = fault_of(b'{"a": [1, 2')
    assert fault.code is FailureCode.FILE_CORRUPT
    assert "line 1" in fault.message


def test_json_is_refused_when_it_nests_too_deeply() -> None:
    assert fault_of(b'{"a":' * 100_000).code is FailureCode.RESOURCE_LIMIT


def test_json_has_no_text_when_it_is_an_empty_list() -> None:
    assert fault_of(b"[]").code is FailureCode.NO_TEXT
