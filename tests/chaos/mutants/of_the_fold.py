"""Bugs in what the batch service makes of the workers' events."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any

from tests.chaos.mutants.mutant import BATCH, mutant, original, replace

LAG_SECONDS = 0.3
_SUCCEEDED = "SELECT id FROM documents WHERE id = ANY(:ids) AND status = 'SUCCEEDED'"
_COUNT_AGAIN = """
UPDATE batch_processes SET succeeded = succeeded + 1, total_documents = total_documents + 1, version = version + 1
 WHERE id = (SELECT batch_id FROM documents WHERE id = :id)
"""


@mutant(BATCH, "I22")
def ack_before_commit() -> None:
    """An event is acked when it is committed. Here it is acked first, with a lag behind it as on a slow disk.

    Seen when the batch service, and nothing else, is killed while it folds: the document runs again when its lease
    ends.
    """
    from batch.loops import fold  # noqa: PLC0415

    ack, usual = original(fold, "_ack"), original(fold.Fold, "_fold")

    async def acked_first(self: Any, deliveries: Sequence[Any]) -> None:
        await ack(deliveries)
        await asyncio.sleep(LAG_SECONDS)
        await usual(self, deliveries)

    async def acked_before(deliveries: Sequence[Any]) -> None:
        return

    replace(fold.Fold, "_fold", acked_first)
    replace(fold, "_ack", acked_before)


@mutant(BATCH, "I02", "I33")
def counting_without_dedupe() -> None:
    """A document is counted once. Here a success that is told again counts again, and acks lag as on a slow link.

    Seen when the broker repeats an event: killed or cut off before an ack, or the batch service killed before one.
    To leave out the status that the update expects would do no harm: rows are locked, counters follow from what moved.
    So this one adds to the counters by itself, and to the total too, or the schema would refuse it.
    """
    from batch.domain.events import Extracted  # noqa: PLC0415
    from batch.loops import fold  # noqa: PLC0415
    from batch.store import database  # noqa: PLC0415

    usual, ack = original(fold, "fold_events"), original(fold, "_ack")
    rows, execute = original(database, "rows"), original(database, "execute")

    async def fold_events(tx: Any, events: Sequence[Any]) -> int:
        told = [one.ref.document_id for one in events if isinstance(one, Extracted)]
        known = {row.id for row in await rows(tx, _SUCCEEDED, ids=told)}
        moved: int = await usual(tx, events)
        for document in told:
            if document in known:
                await execute(tx, _COUNT_AGAIN, id=document)
        return moved

    async def ack_late(deliveries: Sequence[Any]) -> None:
        await asyncio.sleep(LAG_SECONDS)
        await ack(deliveries)

    replace(fold, "fold_events", fold_events)
    replace(fold, "_ack", ack_late)


@mutant(BATCH, "I22", "I23", "I03")
def no_fence() -> None:
    """Only the attempt that holds the lease is believed. Here neither token, attempt nor generation is compared.

    Seen when events are told again a while later, when the next attempt is running: a worker that was frozen finds that
    its leases are gone and says nothing by itself.
    """
    from batch.domain import fold  # noqa: PLC0415
    from batch.domain.status import DocumentStatus  # noqa: PLC0415

    extracted = original(fold, "_extracted")
    original(fold.DocumentState, "is_current")

    def is_current(self: Any, ref: Any) -> bool:
        return self.status is DocumentStatus.PROCESSING

    def believed(state: Any, event: Any) -> Any:
        ref = changed(event.ref, attempt=state.attempt, retry_generation=state.retry_generation)
        return extracted(state, changed(event, ref=ref))

    replace(fold.DocumentState, "is_current", is_current)
    replace(fold, "_extracted", believed)
