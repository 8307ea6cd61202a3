"""Which documents go next: weighted deficit round-robin over tenants (Shreedhar & Varghese, SIGCOMM 1995).

Each round every waiting tenant earns `weight × QUANTUM` credit and spends it on its oldest documents by their estimated
cost. A tenant that its own window stops saves nothing up, so it never bursts.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

QUANTUM = 64 * 1024
"""Credit, in bytes of estimated cost, that weight 1 earns a turn."""
LEAST_COST = 16 * 1024
"""Even an empty document costs a claim, a model call and an event."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that could run now."""

    document_id: UUID
    size_bytes: int

    @property
    def cost(self) -> int:
        """Estimated cost; bounded, so that one huge file cannot starve its own tenant for long."""
        return min(max(self.size_bytes, LEAST_COST), 64 * QUANTUM)


@dataclass(frozen=True, slots=True)
class TenantQueue:
    """What one tenant has waiting, oldest first, and how much more may run."""

    tenant_id: UUID
    weight: int
    free: int
    """Documents that still fit into the tenant's window."""
    waiting: Sequence[Waiting]


@dataclass(frozen=True, slots=True)
class Rota:
    """Whose turn it is: carried from round to round, so that a window of one document is fair too."""

    order: tuple[UUID, ...] = ()
    """Tenants still to be served, the next first; who is missing stands behind."""
    credit: Mapping[UUID, int] = field(default_factory=dict[UUID, int])
    mid_turn: UUID | None = None
    """The tenant whose turn the window cut short; it goes on without earning again."""


@dataclass(frozen=True, slots=True)
class Picks:
    """The documents to dispatch, and whose turn it is then."""

    documents: tuple[UUID, ...]
    rota: Rota


def pick(queues: Sequence[TenantQueue], window: int, rota: Rota) -> Picks:
    """Choose at most `window` documents of tenants that have some waiting."""
    turns = deque(_Turn(queue, list(reversed(queue.waiting))) for queue in _in_order(queues, rota) if queue.free > 0)
    round_ = _Round(window, rota)
    while turns and round_.window > 0:
        turn = turns.popleft()
        round_.serve(turn)
        if turn.can_go_on:
            turns.append(turn) if turn.spent_out else turns.appendleft(turn)
    return Picks(tuple(round_.picked), round_.next_rota(turns))


def _in_order(queues: Sequence[TenantQueue], rota: Rota) -> list[TenantQueue]:
    place = {tenant: number for number, tenant in enumerate(rota.order)}
    return sorted(queues, key=lambda queue: place.get(queue.tenant_id, len(place)))


@dataclass(slots=True)
class _Turn:
    queue: TenantQueue
    waiting: list[Waiting]
    taken: int = 0
    spent_out: bool = False

    @property
    def can_go_on(self) -> bool:
        """Whether the tenant has more that its own window lets through."""
        return bool(self.waiting) and self.taken < self.queue.free


class _Round:
    def __init__(self, window: int, rota: Rota) -> None:
        self.window = window
        self.picked: list[UUID] = []
        self._credit = dict(rota.credit)
        self._mid_turn = rota.mid_turn

    def serve(self, turn: _Turn) -> None:
        """Give a tenant one quantum and take what it affords."""
        tenant = turn.queue.tenant_id
        earned = 0 if tenant == self._mid_turn else max(turn.queue.weight, 1) * QUANTUM
        self._mid_turn = None
        credit = self._credit.get(tenant, 0) + earned
        while turn.can_go_on and self.window > 0 and turn.waiting[-1].cost <= credit:
            document = turn.waiting.pop()
            credit -= document.cost
            turn.taken += 1
            self.window -= 1
            self.picked.append(document.document_id)
        turn.spent_out = turn.can_go_on and turn.waiting[-1].cost > credit
        self._credit[tenant] = credit if turn.can_go_on else 0

    def next_rota(self, left: deque[_Turn]) -> Rota:
        """The order of the next round: who was not served, or was cut short, comes first."""
        order = tuple(turn.queue.tenant_id for turn in left)
        cut_short = order[0] if left and left[0].taken and not left[0].spent_out else None
        return Rota(order, {tenant: self._credit[tenant] for tenant in order if tenant in self._credit}, cut_short)
