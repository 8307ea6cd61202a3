"""Fairness: whatever the window, tenants get the share their weight gives them, and nobody starves."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from batch.domain.scheduling import LEAST_COST, QUANTUM, Picks, Rota, TenantQueue, Waiting, pick
from tests.unit.batch.domain.builders import a_queue

SIZE = 20_000


class Backlog:
    """Queues that shrink as rounds are picked, offering what the dispatcher offers: one more than the window."""

    def __init__(self, queues: Sequence[TenantQueue]) -> None:
        self.queues = queues
        self.rota = Rota()
        self.picked: list[UUID] = []
        self._taken: Counter[int] = Counter()

    def round(self, window: int) -> Picks:
        picks = pick([one for queue in self.queues if (one := self._offer(queue, window)).waiting], window, self.rota)
        self.rota = picks.rota
        self.picked.extend(picks.documents)
        self._taken.update(document.int // 1_000_000 for document in picks.documents)
        return picks

    def _offer(self, queue: TenantQueue, window: int) -> TenantQueue:
        taken = self._taken[queue.tenant_id.int]
        return replace(queue, waiting=queue.waiting[taken : taken + window + 1])

    def shares(self, of_the_first: int) -> Counter[int]:
        return Counter(document.int // 1_000_000 for document in self.picked[:of_the_first])


@given(
    window=st.integers(1, 40),
    weights=st.lists(st.sampled_from([1, 4, 16]), min_size=2, max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_shares_approach_weights_with_any_window(window: int, weights: list[int]) -> None:
    turns = 4 * sum(weights)
    backlog = Backlog([a_queue(number, turns * 4, weight=weight) for number, weight in enumerate(weights, 1)])
    while len(backlog.picked) < turns * QUANTUM // SIZE:
        backlog.round(window)
    shares = backlog.shares(turns * QUANTUM // SIZE)
    served = sum(shares.values())
    for number, weight in enumerate(weights, 1):
        fair = served * weight / sum(weights)
        slack = 2 * weight * QUANTUM / SIZE + 2
        assert abs(shares[number] - fair) <= slack, (shares, weights)


def test_three_documents_do_not_wait_for_ten_thousand() -> None:
    for window in (1, 5, 32):
        backlog = Backlog([a_queue(1, 10_000), a_queue(2, 3)])
        while len([one for one in backlog.picked if one.int // 1_000_000 == 2]) < 3:
            backlog.round(window)
        assert len(backlog.picked) <= 3 + 2 * QUANTUM // SIZE + window


def test_a_light_tenant_is_served_beside_the_heaviest() -> None:
    backlog = Backlog([a_queue(1, 10_000, weight=16), a_queue(2, 100, weight=1)])
    for _ in range(400):
        backlog.round(1)
    places = [place for place, one in enumerate(backlog.picked) if one.int // 1_000_000 == 2]
    assert len(places) >= 400 // 17 - 2
    assert max(later - earlier for earlier, later in pairwise(places)) <= 2 * 16 * QUANTUM // SIZE


def test_a_huge_document_does_not_block_small_ones_of_others() -> None:
    backlog = Backlog([a_queue(1, 2, size=2**40), a_queue(2, 300)])
    for _ in range(100):
        backlog.round(4)
    assert len(backlog.picked) == 302


queues = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([0, 1, 4, 16]), st.integers(-2, 6), st.integers(0, 10**9)),
    max_size=5,
).map(
    lambda rows: [
        a_queue(number, documents, weight=weight, free=free, size=size)
        for number, (documents, weight, free, size) in enumerate(rows, 1)
    ]
)


@given(queues, st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_a_round_never_exceeds_window_or_a_tenants_own(offered: list[TenantQueue], window: int) -> None:
    picked = Counter(one.int // 1_000_000 for one in pick(offered, window, Rota()).documents)
    assert sum(picked.values()) <= window
    assert all(picked[queue.tenant_id.int] <= max(queue.free, 0) for queue in offered)


@given(queues, st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_a_round_leaves_nothing_that_fits(offered: list[TenantQueue], window: int) -> None:
    fits = sum(max(min(queue.free, len(queue.waiting)), 0) for queue in offered)
    assert len(pick(offered, window, Rota()).documents) == min(window, fits)


@given(queues, st.integers(1, 30))
@settings(max_examples=50, deadline=None)
def test_a_tenants_documents_go_oldest_first_and_once(offered: list[TenantQueue], window: int) -> None:
    picked = pick(offered, window, Rota()).documents
    assert len(set(picked)) == len(picked)
    for queue in offered:
        own = [one for one in picked if one.int // 1_000_000 == queue.tenant_id.int]
        assert own == [one.document_id for one in queue.waiting][: len(own)]


def test_a_turn_cut_short_goes_on_without_earning_again() -> None:
    offered = [a_queue(1, 50), a_queue(2, 50)]
    first = pick(offered, 1, Rota())
    assert first.rota.mid_turn == UUID(int=1)
    assert first.rota.credit[UUID(int=1)] == QUANTUM - SIZE
    rest = replace(offered[0], waiting=offered[0].waiting[1:])
    second = pick([rest, offered[1]], 1, first.rota)
    assert second.rota.credit[UUID(int=1)] == QUANTUM - 2 * SIZE


def test_a_tenant_stopped_by_its_own_window_saves_nothing_up() -> None:
    picks = pick([a_queue(1, 50, free=1)], 10, Rota())
    assert len(picks.documents) == 1
    assert picks.rota == Rota()


def test_cost_is_bounded_from_both_sides() -> None:
    assert Waiting(UUID(int=1), 0).cost == LEAST_COST
    assert Waiting(UUID(int=1), 2**40).cost == 64 * QUANTUM
