"""What every change of a batch ends with: its status follows from the facts, and who subscribed hears of it.

Doors change rows through `batch.store`, hand the changed batches to `settle` and commit: row, status and outbox row are
one transaction (DESIGN §3.8).
"""

import random
from collections.abc import Sequence
from uuid import UUID

from batch.domain.events import Event, Extracted, Ref
from batch.domain.fold import AttemptEnd, DocumentState, fold
from batch.domain.status import FINAL_BATCH, BatchStatus, status_of
from batch.store import batches, folding, moves, outbox
from batch.store.database import Tx
from batch.store.rows import BatchRow
from batch.wire.events import TERMINAL_TYPES, event_of, status_type, terminal_event_id


class EventRefused(Exception):
    """An event says what cannot be true; it belongs to the dead letters, and nothing of its set was written."""


async def settle(tx: Tx, changed: Sequence[BatchRow]) -> list[BatchRow]:
    """Move batches on whose facts say so and write their events; answers all of them as they are then."""
    steps = [step for row in changed if (step := _step(row)) is not None]
    if not steps:
        return list(changed)
    moved = {row.id: row for row in await batches.set_status(tx, steps)}
    events = [event_of(row, status_type(row.current)) for row in moved.values()]
    await outbox.add(tx, events)
    await outbox.keep(tx, [event for event in events if event.event_type in TERMINAL_TYPES])
    return [moved.get(row.id, row) for row in changed]


async def cancel(tx: Tx, row: BatchRow) -> BatchRow:
    """Cancel a locked batch that is not final: what waits at once, what runs as soon as its worker answers."""
    await moves.cancel_waiting(tx, row.id)
    marked = await batches.request_cancel(tx, row.id)
    marked = await moves.ask_to_stop(tx, row.id) or marked
    return (await settle(tx, [marked]))[0]


def _step(row: BatchRow) -> tuple[UUID, BatchStatus, UUID | None] | None:
    status = status_of(row.facts)
    if status is row.current:
        return None
    event_id = terminal_event_id(row.id, row.retry_generation) if status in FINAL_BATCH else None
    return row.id, status, event_id


async def fold_events(tx: Tx, events: Sequence[Event]) -> int:
    """Fold events into documents, counters and batch status; answers how many documents moved.

    Events of documents that do not exist move nothing.

    Raises:
        EventRefused: a result lies where no attempt at its document was told to put it.
    """
    before = await folding.lock(tx, list({event.ref.document_id for event in events}))
    now = dict(before)
    ends: dict[Ref, AttemptEnd] = {}
    for event in events:
        _fold_one(now, ends, event)
    spent = await folding.end_attempts(tx, [folding.Ended(ref, end) for ref, end in ends.items()]) if ends else {}
    changes = [folding.Change(before[key], state) for key, state in now.items() if state != before[key]]
    moved = {change.now.id for change in changes}
    await folding.add_unmatched_cost(tx, {key: cost for key, cost in spent.items() if key not in moved})
    if changes:
        await settle(tx, await folding.apply(tx, changes, spent))
    return len(changes)


def _fold_one(now: dict[UUID, DocumentState], ends: dict[Ref, AttemptEnd], event: Event) -> None:
    state = now.get(event.ref.document_id)
    if state is None:
        return
    if isinstance(event, Extracted) and not state.owns_result(event.result_key):
        raise EventRefused(f"{event.result_key!r} is no key of a result of document {state.id}")
    folded = fold(state, event, random.random())  # noqa: S311 - spreads retries, guards nothing
    now[state.id] = folded.state
    if folded.end is not None:
        ends.setdefault(event.ref, folded.end)
