from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.domain.dates import DateOrder, date_order, date_readings, find_dates

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2069, 12, 31))
GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()  # noqa: SIM905
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()  # noqa: SIM905


def only(text: str, order: DateOrder | None = None) -> date | None:
    found = [one.day for one in find_dates(text, order)]
    return found[0] if len(found) == 1 else None


@given(DAYS, st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d %B %Y", "%d-%b-%Y", "%B %d, %Y", "%b %d, %Y"]))
def test_a_date_is_read_back_when_written_in_a_form_that_says_its_order(day: date, form: str) -> None:
    assert only(f"on {day.strftime(form)} we met") == day


@given(
    DAYS,
    st.sampled_from(
        [("%d/%m/%Y", DateOrder.DAY_FIRST), ("%m/%d/%Y", DateOrder.MONTH_FIRST), ("%d-%m-%Y", DateOrder.DAY_FIRST)]
    ),
)
def test_a_date_is_read_back_when_its_order_is_told(day: date, style: tuple[str, DateOrder]) -> None:
    assert only(day.strftime(style[0]), style[1]) == day


@given(DAYS)
def test_a_date_is_read_back_in_german_and_french(day: date) -> None:
    assert only(f"{day.day}. {GERMAN[day.month - 1]} {day.year}") == day
    assert only(f"{day.day} {FRENCH[day.month - 1]} {day.year}") == day


def test_a_date_that_can_be_read_two_ways_is_left_out_when_nothing_decides() -> None:
    assert only("03/04/2026") is None
    assert date_readings("03/04/2026") == {date(2026, 4, 3), date(2026, 3, 4)}


def test_the_order_is_proved_by_a_day_above_twelve_and_not_by_contradictions() -> None:
    assert date_order(["03/04/2026 and 17/04/2026"]) is DateOrder.DAY_FIRST
    assert date_order(["04/17/2026"]) is DateOrder.MONTH_FIRST
    assert date_order(["17/04/2026", "04/17/2026"]) is None


@pytest.mark.parametrize(
    "text", ["31.02.2026", "2026-13-01", "1.2.3.4", "call 555-01-2026x1", "version 10.2", "99 March"]
)
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert only(text) is None


def test_dates_in_mail_headers_and_eastern_script_are_read() -> None:
    assert only("Wed, 06 May 2026 09:15:42 +0100") == date(2026, 5, 6)
    assert only("発行日 2026年5月6日") == date(2026, 5, 6)
