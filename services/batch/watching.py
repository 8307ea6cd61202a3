"""All watchers of a replica, served by one query every 200 ms (DESIGN §3.11)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from batch.store import batches
from batch.store.database import Database, is_transient
from chassis.errors import CallError, unavailable
from chassis.logs import get_logger

log = get_logger()

SCAN_SECONDS = 0.2


class Watch:
    """One watcher of one batch; it is told the newest version only, so a slow one never piles anything up."""

    def __init__(self) -> None:
        self._version = 0
        self._news = asyncio.Event()
        self._error: CallError | None = None

    def tell(self, version: int) -> None:
        """Note a version."""
        if version > self._version:
            self._version = version
            self._news.set()

    def end(self, error: CallError) -> None:
        """Let the watcher raise."""
        self._error = error
        self._news.set()

    async def newer_than(self, version: int) -> None:
        """Return once the batch is newer."""
        while self._error is None and self._version <= version:
            self._news.clear()
            await self._news.wait()
        if self._error is not None:
            raise self._error


class WatchHub:
    """Knows who watches what."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[UUID, set[Watch]] = defaultdict(set)
        self._closing = False

    @asynccontextmanager
    async def watch(self, batch_id: UUID) -> AsyncGenerator[Watch]:
        """Watch a batch for as long as the context lasts."""
        watch = Watch()
        if self._closing:
            watch.end(_RESUME)
        self._watches[batch_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[batch_id].discard(watch)
            if not self._watches[batch_id]:
                del self._watches[batch_id]

    async def run(self) -> None:
        """Tell watchers of newer versions, for ever."""
        while True:
            await asyncio.sleep(SCAN_SECONDS)
            if self._watches:
                await self._scan()

    async def _scan(self) -> None:
        try:
            async with self._database.engine() as tx:
                versions = await batches.versions(tx, list(self._watches))
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("watch_scan_failed", error=repr(error))
            return
        for batch_id, version in versions.items():
            for watch in self._watches.get(batch_id, ()):
                watch.tell(version)

    async def close(self) -> None:
        """End every watch, so that clients resume at another replica."""
        self._closing = True
        for watches in list(self._watches.values()):
            for watch in watches:
                watch.end(_RESUME)


_RESUME = unavailable("this replica, which is being replaced,", 0.5)
