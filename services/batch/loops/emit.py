"""The emitter: tells subscribers of progress, at most once a second for each batch (DESIGN §3.9, ADR 2)."""

from batch.rounds import keep_going
from batch.store import batches, outbox
from batch.store.database import Database
from batch.wire.events import PROGRESSED, event_of

SCAN_SECONDS = 0.25


class Emitter:
    """Writes progress events beside the number that counts them; the relay publishes them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Emit for ever."""
        await keep_going("emit", self.round)

    async def round(self) -> float:
        """Emit what changed; answers how long to rest."""
        async with self._database.engine() as tx:
            changed = await batches.to_emit(tx)
            await outbox.add(tx, [event_of(row, PROGRESSED) for row in changed])
        return SCAN_SECONDS
