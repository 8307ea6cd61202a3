# ruff: noqa: N802 - gRPC names its methods
"""The calls of the fake Quire that act on a batch."""

from typing import Any, Protocol

from quire.batch.v1 import batch_pb2
from quire.batch.v1 import batch_service_pb2 as calls


class Knows(Protocol):
    """What the fake knows of its batches."""

    batches: dict[str, batch_pb2.Batch]

    async def enter(self, request: Any, context: Any) -> None: ...

    async def batch(self, batch_id: str, context: Any) -> batch_pb2.Batch: ...


class FakeControl:
    async def CancelBatch(self: Knows, request: calls.CancelBatchRequest, context: Any) -> calls.CancelBatchResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        batch.status = batch_pb2.BATCH_STATUS_CANCELLED
        return calls.CancelBatchResponse(batch=batch)

    async def RetryDocuments(
        self: Knows, request: calls.RetryDocumentsRequest, context: Any
    ) -> calls.RetryDocumentsResponse:
        await self.enter(request, context)
        return calls.RetryDocumentsResponse(batch=await self.batch(request.batch_id, context), retried_count=3)

    async def CancelDocuments(
        self: Knows, request: calls.CancelDocumentsRequest, context: Any
    ) -> calls.CancelDocumentsResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        return calls.CancelDocumentsResponse(batch=batch, cancelled_count=len(request.document_ids))

    async def PauseBatch(self: Knows, request: calls.PauseBatchRequest, context: Any) -> calls.PauseBatchResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        batch.hold_reasons.append(batch_pb2.HOLD_REASON_PAUSED_BY_USER)
        return calls.PauseBatchResponse(batch=batch)

    async def ResumeBatch(self: Knows, request: calls.ResumeBatchRequest, context: Any) -> calls.ResumeBatchResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        batch.ClearField("hold_reasons")
        return calls.ResumeBatchResponse(batch=batch)

    async def DeleteBatch(self: Knows, request: calls.DeleteBatchRequest, context: Any) -> calls.DeleteBatchResponse:
        await self.enter(request, context)
        self.batches.pop((await self.batch(request.batch_id, context)).id)
        return calls.DeleteBatchResponse()
