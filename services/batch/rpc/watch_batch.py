"""BatchService.WatchBatch: a snapshot at once, then every later one, conflated."""

from collections.abc import AsyncGenerator
from uuid import UUID

from batch.domain.status import FINAL_BATCH
from batch.identity import caller
from batch.store import documents
from batch.store.database import Database, Tx
from batch.store.documents import Seen
from batch.store.rows import BatchRow, DocumentRow
from batch.views import detailed, load
from batch.watching import WatchHub
from batch.wire.documents import document_message
from batch.wire.fields import Violations
from quire.batch.v1 import batch_service_pb2
from quire.batch.v1.batch_service_pb2 import WatchBatchRequest, WatchBatchResponse

MOST_DOCUMENTS = 500


class WatchBatch:
    """Watches batches."""

    def __init__(self, database: Database, hub: WatchHub) -> None:
        self._database = database
        self._hub = hub

    async def __call__(self, request: WatchBatchRequest, _: object) -> AsyncGenerator[WatchBatchResponse]:
        """Answer snapshots until the final one."""
        batch_id, tenant_id, version = _check(request), caller().tenant_id, request.after_version
        async with self._hub.watch(batch_id) as watch:
            while True:
                async for answer, row in self._news(tenant_id, batch_id, version, request):
                    if row is None or row.version > version:  # who resumes has seen its own version
                        yield answer
                    if row is not None:
                        version = row.version
                        if row.current in FINAL_BATCH:
                            return
                await watch.newer_than(version)

    async def _news(
        self, tenant_id: UUID, batch_id: UUID, version: int, request: WatchBatchRequest
    ) -> AsyncGenerator[tuple[WatchBatchResponse, BatchRow | None]]:
        """Changed documents page by page; the last answer carries the batch and so the version to resume from."""
        seen = Seen(version)
        while True:
            async with self._database.tenant(tenant_id) as tx:
                row = await load(tx, tenant_id, batch_id)
                changed = await _changed(tx, row, seen, request)
                batch = (await detailed(tx, [row]))[0] if len(changed) <= MOST_DOCUMENTS else None
            page = changed[:MOST_DOCUMENTS]
            told = [document_message(one) for one in page]
            if batch is not None:
                yield batch_service_pb2.WatchBatchResponse(batch=batch, documents=told), row
                return
            yield batch_service_pb2.WatchBatchResponse(documents=told), None
            seen = Seen(page[-1].changed_version, page[-1].position)


async def _changed(tx: Tx, row: BatchRow, seen: Seen, request: WatchBatchRequest) -> list[DocumentRow]:
    if not request.include_documents:
        return []
    return await documents.changed_since(tx, row.id, seen, MOST_DOCUMENTS + 1)


def _check(request: WatchBatchRequest) -> UUID:
    violations = Violations()
    batch_id = violations.uuid("batch_id", request.batch_id)
    violations.within("after_version", request.after_version, 0, 2**62)
    violations.check()
    return batch_id
