"""Ratios are taken round by round, and contestants take turns."""

from tests.bench.figures import Figure, Goal, compare, percentile
from tests.bench.rounds import Size, alternate


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    floor = Figure("floor", "things/s", (100.0, 10.0, 1.0))
    assert compare("ours", "things/s", [50.0, 6.0, 0.7], floor).ratio == 0.6


def test_a_goal_looks_at_the_ratio_when_there_is_one_and_at_the_figure_when_not() -> None:
    floor = Figure("floor", "things/s", (100.0,))
    assert compare("ours", "things/s", [70.0], floor, Goal(0.6)).met is True
    assert Figure("ours", "MiB", (251.0,), goal=Goal(250, at_most=True)).met is False
    assert floor.met is None


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 2.0, 3.0]


async def test_each_round_begins_with_another_contestant() -> None:
    order: list[str] = []

    async def run(name: str) -> int:
        order.append(name)
        return len(order)

    runs = await alternate(Size(2, 1.0), {"a": lambda: run("a"), "b": lambda: run("b")})
    assert order == ["a", "b", "b", "a"]
    assert runs == {"a": [1, 4], "b": [2, 3]}
