"""Bugs between a change and the event that tells of it."""

import asyncio
import hashlib
import itertools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.mutants.mutant import BATCH, mutant, original, replace

BEHIND_SECONDS = 0.3
_BY_ID = """
SELECT id, batch_id, event_id, event_type, routing_key, body, created_at FROM outbox
 WHERE id > :last ORDER BY id LIMIT :limit
"""
_INSERT = """
INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body)
VALUES (:tenant, :batch, :event, :type, :key, :body)
"""
_AS_TENANT = "SELECT set_config('quire.tenant', :tenant, true)"


@mutant(BATCH, "I20", "I13", "I10")
def outbox_by_cursor() -> None:
    """Every event in the outbox is published. Here the relay reads what lies behind the last id it published.

    Ids are given before they are committed, and a set may be confirmed in part: what is below the cursor then stays.
    Every other commit lags, as on a slow disk. Seen without any fault when several batches change at once.
    """
    from batch.store import database, outbox  # noqa: PLC0415

    cursor, lags = _Cursor(), itertools.cycle([0.0, BEHIND_SECONDS])
    add, confirm = original(outbox, "add"), original(outbox, "confirmed")
    unpublished = original(outbox, "Unpublished")
    rows, columns = original(database, "rows"), original(database, "columns")

    async def add_and_lag(tx: Any, events: Sequence[Any]) -> None:
        await add(tx, events)
        await asyncio.sleep(next(lags) if events else 0.0)

    async def take(tx: Any, limit: int, claim_seconds: float) -> list[Any]:
        return [unpublished(**columns(one)) for one in await rows(tx, _BY_ID, last=cursor.last, limit=limit)]

    async def confirmed(tx: Any, ids: Sequence[int]) -> None:
        await confirm(tx, ids)
        cursor.last = max([cursor.last, *ids])

    async def give_back(tx: Any, ids: Sequence[int], delay_seconds: float) -> None:
        return

    replace(outbox, "add", add_and_lag)
    replace(outbox, "take", take)
    replace(outbox, "confirmed", confirmed)
    replace(outbox, "give_back", give_back)


class _Cursor:
    """Kept in a file, so that a restart does not heal it; one file for each database."""

    def __init__(self) -> None:
        database = hashlib.sha256(os.environ.get("QUIRE_DATABASE_ENGINE_URL", "").encode()).hexdigest()[:16]
        self._file = Path(tempfile.gettempdir()) / f"quire-mutant-cursor-{database}"

    @property
    def last(self) -> int:
        return int(self._file.read_text() or 0) if self._file.exists() else 0

    @last.setter
    def last(self, number: int) -> None:
        self._file.write_text(str(number))


@mutant(BATCH, "I13", "I10", "I11")
def event_outside_the_transaction() -> None:
    """A change and its event are committed together. Here the event follows in a transaction of its own.

    Seen when the batch service is killed between the two (its event is never told), or when the first is rolled back
    (an event tells of what never was). The second lags a little, as it would on a slow disk.
    """
    from batch.store import database, outbox  # noqa: PLC0415

    original(outbox, "add")
    execute, lagging = original(database, "execute"), set[asyncio.Task[None]]()

    async def add_later(engine: Any, events: Sequence[Any]) -> None:
        await asyncio.sleep(BEHIND_SECONDS)
        async with engine.begin() as tx:
            for event in events:
                await execute(tx, _AS_TENANT, tenant=str(event.tenant_id))
                await execute(tx, _INSERT, **_values(event))

    async def add(tx: Any, events: Sequence[Any]) -> None:
        if events:
            job = asyncio.create_task(add_later(tx.engine, events))
            lagging.add(job)
            job.add_done_callback(lagging.discard)

    replace(outbox, "add", add)


def _values(event: Any) -> dict[str, Any]:
    return {
        "tenant": event.tenant_id,
        "batch": event.batch_id,
        "event": event.event_id,
        "type": event.event_type,
        "key": event.routing_key,
        "body": event.body,
    }
