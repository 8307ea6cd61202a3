"""What an owner does with a batch that exists: stop it, hold it, run it again, be rid of it."""

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import uuid4

from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import (
    CancelBatchRequest,
    CancelDocumentsRequest,
    CancelDocumentsResponse,
    DeleteBatchRequest,
    PauseBatchRequest,
    ResumeBatchRequest,
    RetryDocumentsRequest,
    RetryDocumentsResponse,
)
from quire_client.channel import Caller

if TYPE_CHECKING:  # this exists for type checkers alone
    from quire.batch.v1.batch_service_pb2_grpc import BatchServiceAsyncStub


class Control:
    """The part of a client that acts on batches."""

    def __init__(self, caller: Caller, batches: "BatchServiceAsyncStub") -> None:
        """Act through a stub with a credential."""
        self._caller = caller
        self._batches = batches

    async def cancel(self, batch_id: str) -> Batch:
        """Cancel what is open; results that are ready stay."""
        return (await self._caller.call(self._batches.CancelBatch, CancelBatchRequest(batch_id=batch_id))).batch

    async def cancel_documents(self, batch_id: str, document_ids: Collection[str]) -> CancelDocumentsResponse:
        """Cancel some documents, of a draft too; final ones stay as they are."""
        request = CancelDocumentsRequest(batch_id=batch_id, document_ids=document_ids)
        return await self._caller.call(self._batches.CancelDocuments, request)

    async def pause(self, batch_id: str) -> Batch:
        """Start nothing more; what runs finishes, the deadline keeps running."""
        return (await self._caller.call(self._batches.PauseBatch, PauseBatchRequest(batch_id=batch_id))).batch

    async def resume(self, batch_id: str) -> Batch:
        """Go on with a paused batch."""
        return (await self._caller.call(self._batches.ResumeBatch, ResumeBatchRequest(batch_id=batch_id))).batch

    async def delete(self, batch_id: str) -> None:
        """Cancel what is open and hide the batch; contents and results are removed."""
        await self._caller.call(self._batches.DeleteBatch, DeleteBatchRequest(batch_id=batch_id))

    async def retry(
        self,
        batch_id: str,
        *,
        document_ids: Collection[str] = (),
        error_codes: Collection[str] = (),
        request_id: str = "",
    ) -> RetryDocumentsResponse:
        """Queue final documents without a result again: all of them, those named, or those with these codes."""
        request = RetryDocumentsRequest(
            request_id=request_id or str(uuid4()),
            batch_id=batch_id,
            document_ids=document_ids,
            error_codes=error_codes,
        )
        return await self._caller.call(self._batches.RetryDocuments, request)
