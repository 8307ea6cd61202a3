"""Places behind a door: so many at once, half of them for one owner, and each is free again once it was left."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.admission import Own, Places
from chassis.errors import CallError, CallReason


def came_in(places: Places, owner: str, inside: ExitStack) -> bool:
    """Whether one more could come in; if so it stays until the stack is closed."""
    with ExitStack() as entered:
        try:
            entered.enter_context(places.one())(owner)
        except CallError as error:
            if error.reason != CallReason.OVERLOADED:
                raise
            return False
        inside.push(entered.pop_all())
    return True


@given(most=st.integers(2, 20), owners=st.lists(st.sampled_from("abc"), max_size=60))
def test_places_never_hold_more_than_their_number_or_half_of_it_of_one_owner(most: int, owners: list[str]) -> None:
    places, held = Places(most), list[str]()
    with ExitStack() as inside:
        for owner in owners:
            fits = len(held) < most and held.count(owner) < most // 2
            assert came_in(places, owner, inside) is fits
            held += [owner] * fits
    with ExitStack() as inside:
        assert all(came_in(places, str(number), inside) for number in range(most))


def test_places_are_free_again_when_what_happened_in_them_failed() -> None:
    places = Places(2)
    for _ in range(5):
        with pytest.raises(ValueError, match="inside"), places.one() as own:
            _fail_inside(own)
    with places.one() as own:
        own("ann")


def _fail_inside(own: Own) -> None:
    own("ann")
    raise ValueError("inside")
