import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.gathering import Gathering
from extractor.parse.limits import ParseLimits


def test_gathering_numbers_pages_from_one_and_warns_once() -> None:
    sheets = Gathering(ParseLimits())
    sheets.add("a\0\x07b", [(("x\0",),)])
    sheets.add("c\ud800")
    document = sheets.bind("text/plain")
    assert [(page.number, page.text) for page in document.pages] == [(1, "a\ufffd b"), (2, "c\ufffd")]
    assert document.pages[0].tables == ((("x\ufffd",),),)
    assert document.warnings == ("TEXT_REPLACED",)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (ParseLimits(max_pages=2), FailureCode.TOO_MANY_PAGES),
        (ParseLimits(text_bytes=7), FailureCode.RESOURCE_LIMIT),
    ],
)
def test_gathering_refuses_a_page_beyond_its_limits(limits: ParseLimits, code: FailureCode) -> None:
    sheets = Gathering(limits)
    sheets.add("aé")
    sheets.add("aé")
    with pytest.raises(DocumentFault) as caught:
        sheets.add("aé")
    assert caught.value.code is code


def test_gathering_has_no_text_when_all_its_pages_are_blank() -> None:
    sheets = Gathering(ParseLimits())
    sheets.add(" \n")
    with pytest.raises(DocumentFault) as caught:
        sheets.bind("text/plain")
    assert caught.value.code is FailureCode.NO_TEXT
