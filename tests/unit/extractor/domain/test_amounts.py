from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.domain.amounts import decimal_mark, find_amounts, numbers_in, read_amount, read_number
from extractor.domain.currencies import find_currencies

CENTS = st.integers(min_value=0, max_value=10**12).map(lambda cents: Decimal(cents) / 100)


def printed(value: Decimal, thousands: str, mark: str) -> str:
    return f"{value:,.2f}".replace(",", "T").replace(".", mark).replace("T", thousands)


@given(
    CENTS, st.sampled_from([(",", "."), (".", ","), ("'", "."), ("\u00a0", ","), ("\u202f", ","), ("", ","), ("", ".")])
)
def test_an_amount_is_read_back_when_printed_in_any_convention(value: Decimal, style: tuple[str, str]) -> None:
    assert read_number(printed(value, *style)) == value


@given(CENTS, st.sampled_from(["EUR {}", "{} EUR", "{}€", "€{}", "$ {}", "CHF {}"]), st.sampled_from([",.", ".,"]))
def test_a_currency_beside_an_amount_is_taken_with_it(value: Decimal, form: str, style: str) -> None:
    found = read_amount(form.format(printed(value, style[0], style[1])))
    assert found is not None
    assert (found.value, found.currency is not None) == (value, True)


@given(st.text(alphabet="0123456789.,-' €()%/:aA\u00a0", max_size=60))
def test_any_text_is_searched_without_a_fault(text: str) -> None:
    assert all(0 <= found.start < found.end <= len(text) for found in find_amounts(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12.50", "-12.5"),
        ("−12.50", "-12.5"),
        ("(12.50)", "-12.5"),
        ("12,50-", "-12.5"),
        ("-£240.00", "-240"),
        ("1,20,000.00", "120000"),
        ("12 345,60", "12345.6"),
        ("Fr. 19.90", "19.9"),
    ],
)
def test_an_amount_is_read_as_its_writer_meant_it(text: str, expected: str) -> None:
    found = read_amount(text)
    assert found is not None
    assert found.value == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["12.03.2026", "2026-03-12", "10:30", "19 %", "INV-2026", "A4", "5kg", "1.2.3", "7/12"]
)
def test_a_number_is_no_amount_when_it_is_a_part_of_something_else(text: str) -> None:
    assert list(find_amounts(text)) == []


def test_three_digits_behind_a_mark_are_thousands_or_decimals_as_the_document_has_it() -> None:
    assert read_number("1.234", ",") == 1234
    assert read_number("1.234", ".") == Decimal("1.234")
    assert numbers_in("1.234") == {Decimal(1234), Decimal("1.234")}


def test_the_decimal_mark_is_told_by_the_majority_and_not_without_evidence() -> None:
    assert decimal_mark(["1.250,00 and 3,50", "Version 1.25"]) == ","
    assert decimal_mark(["1,250.00"]) == "."
    assert decimal_mark(["no numbers here"]) is None


def test_currencies_are_found_by_sign_code_and_name() -> None:
    assert [found.code for found in find_currencies("€5, 7 GBP, US$3, ten pounds sterling, THE")] == [
        "EUR",
        "GBP",
        "USD",
        "GBP",
    ]
