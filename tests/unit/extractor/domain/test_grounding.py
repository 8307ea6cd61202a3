from typing import Any

import pytest

from extractor.domain.extraction import Citation
from extractor.domain.grounding import CITED, FOUND_OFTEN, FOUND_ONCE, MISPLACED, GroundedField, can_be_read, ground
from extractor.domain.pages import Page, ParsedDocument


def document(*texts: str) -> ParsedDocument:
    return ParsedDocument("text/plain", tuple(Page(number, text) for number, text in enumerate(texts, 1)))


def grounded(value: Any, quote: str | None, *texts: str, page: int = 1) -> GroundedField:
    citations = [] if quote is None else [Citation("/x", quote, page)]
    return ground({"x": value}, citations, document(*texts))[0]


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (1234.56, "1.234,56 €"),
        (1234.56, "USD 1,234.56"),
        (-12.0, "(12.00)"),
        (40, "Qty 40"),
        ("2026-03-05", "5 March 2026"),
        ("2026-03-05", "05.03.2026"),
        ("2026-03-05", "03/05/2026"),
        ("EUR", "12,00 €"),
        ("ACME LTD", "Acme Ltd"),
        ("INV2026", "INV-2026"),
        ("cooperative", "co-\noperative"),
        ("O'Brien", "O’Brien"),
        ("1234.5", "1,234.50"),
    ],
)
def test_a_value_can_be_read_from_its_quote_in_any_usual_spelling(value: Any, quote: str) -> None:
    assert can_be_read(value, quote)


@pytest.mark.parametrize(
    ("value", "quote"),
    [
        (12.0, "Total 120"),
        (12.0, "-12.00"),
        ("2026-03-05", "6 March 2026"),
        ("EUR", "12.00 $"),
        ("Acme", "Acmeville"),
        ("1234", "51234"),
        ("", "x"),
    ],
)
def test_a_value_cannot_be_read_from_a_quote_that_says_something_else(value: Any, quote: str) -> None:
    assert not can_be_read(value, quote)


def test_a_value_is_grounded_when_its_quote_stands_on_its_page() -> None:
    field = grounded(120.0, "Total:  £120.00", "Invoice", "Total: £120.00\n", page=2)
    assert (field.grounded, field.page, field.confidence) == (True, 2, CITED)


@pytest.mark.parametrize("page", [0, 1, 9])
def test_the_page_is_found_when_the_engine_named_none_or_the_wrong_one(page: int) -> None:
    field = grounded("Acme Ltd", "Acme Ltd", "nothing", "From Acme Ltd", page=page)
    assert (field.grounded, field.page, field.confidence) == (True, 2, MISPLACED)


def test_a_value_is_flagged_when_its_quote_is_nowhere() -> None:
    field = grounded(99.0, "Total 99.00", "Total 98.00")
    assert (field.grounded, field.page, field.confidence) == (False, 0, 0)


def test_a_value_is_flagged_when_the_quote_is_real_but_says_another_value() -> None:
    assert not grounded(99.0, "Total 98.00", "Total 98.00").grounded


def test_a_quote_does_not_count_when_it_cuts_a_word_of_the_page() -> None:
    assert not grounded("1234", "1234", "No 51234").grounded


def test_a_value_without_citation_is_looked_up_and_trusted_less() -> None:
    once = grounded("2026-03-05", None, "a\nDate 5 March 2026\n")
    often = grounded("Acme", None, "Acme\nAcme\n")
    assert (once.quote, once.confidence) == ("Date 5 March 2026", FOUND_ONCE)
    assert (often.grounded, often.confidence) == (True, FOUND_OFTEN)
    assert not grounded("Nobody", None, "Acme").grounded


def test_null_is_no_field_and_rows_are_checked_value_by_value() -> None:
    values = {"a": None, "lines": [{"sum": 5.0, "no": None}, {"sum": 7.0, "no": None}]}
    citations = [Citation("/lines/0", "Pens 5.00", 1), Citation("/lines/1/sum", "8.00", 1)]
    fields = ground(values, citations, document("Pens 5.00\nInk 8.00"))
    assert [(field.path, field.grounded) for field in fields] == [("/lines/0/sum", True), ("/lines/1/sum", False)]


def test_a_quote_may_leave_out_how_the_page_sets_its_cells() -> None:
    assert grounded("X-7", "Invoice no X-7", "Invoice no.\tX-7\n").grounded
