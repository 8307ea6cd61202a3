"""BatchService.StreamResults: what is ready now, in the order announced, read ahead from the object store."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from uuid import UUID

from batch.identity import caller
from batch.store import documents
from batch.store.database import Database
from batch.store.documents import ListFilter
from batch.store.rows import DocumentRow
from batch.views import load, refuse_purged
from batch.wire import fields
from batch.wire.documents import error_message
from chassis.blobs import BlobMissing, Blobs
from quire.batch.v1 import batch_service_pb2, document_pb2

PAGE = 64


class StreamResults:
    """Reads results."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    async def __call__(
        self, request: batch_service_pb2.StreamResultsRequest, _: object
    ) -> AsyncGenerator[batch_service_pb2.StreamResultsResponse]:
        """Answer one result after another."""
        batch_id = fields.batch_id(request.batch_id)
        tenant_id = caller().tenant_id
        statuses = ["SUCCEEDED", *(["FAILED", "CANCELLED", "EXPIRED"] if request.include_errors else [])]
        async for page in self._pages(tenant_id, batch_id, statuses, request.after_position):
            for result in await self._read(tenant_id, page):
                yield batch_service_pb2.StreamResultsResponse(result=result)

    async def _pages(
        self, tenant_id: UUID, batch_id: UUID, statuses: Sequence[str], after: int
    ) -> AsyncIterator[list[DocumentRow]]:
        while True:
            async with self._database.tenant(tenant_id) as tx:
                refuse_purged(await load(tx, tenant_id, batch_id))
                page = await documents.list_page(tx, batch_id, ListFilter(statuses, (), after), PAGE)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].position

    async def _read(self, tenant_id: UUID, page: Sequence[DocumentRow]) -> list[document_pb2.DocumentResult]:
        try:
            return await asyncio.gather(*(self._result(row) for row in page))
        except BlobMissing:
            async with self._database.tenant(tenant_id) as tx:
                refuse_purged(await load(tx, tenant_id, page[0].batch_id))
            raise

    async def _result(self, row: DocumentRow) -> document_pb2.DocumentResult:
        return document_pb2.DocumentResult(
            document_id=str(row.id),
            document_name=row.name,
            position=row.position,
            status=document_pb2.DocumentStatus.Value(f"DOCUMENT_STATUS_{row.status}"),
            result_json=await self._blobs.get(row.result_key) if row.result_key else b"",
            error=error_message(row),
        )
