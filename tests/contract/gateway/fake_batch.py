"""A batch service small enough to hold in one's head: it keeps batches in memory and judges credentials."""

# ruff: noqa: N802 - methods are named by the contract

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import Message

from chassis.errors import CallError, CallReason, invalid, not_found, precondition, unauthenticated
from chassis.rpc_faults import FaultInterceptor
from quire.batch.v1 import batch_service_pb2 as rpc
from quire.batch.v1.batch_pb2 import Batch, BatchStatus, HoldReason, Tier
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceServicer, add_BatchServiceServicer_to_server
from quire.batch.v1.document_pb2 import Document, DocumentResult, DocumentStatus
from quire.batch.v1.limits_pb2 import Limits, LimitUsage, MonthlyUsage
from quire.intake.v1 import intake_service_pb2 as intake
from quire.intake.v1.intake_service_pb2_grpc import IntakeServiceServicer, add_IntakeServiceServicer_to_server

API_KEY, SERVICE_TOKEN = "key-of-the-tests", "token-of-the-gateway"
Answer = TypeVar("Answer", bound=Message)
MAX_BYTES = 8 * 1024 * 1024


def is_newer(batch: Batch, version: int) -> bool:
    return batch.version > version


FINAL = (BatchStatus.BATCH_STATUS_COMPLETED, BatchStatus.BATCH_STATUS_CANCELLED)


@dataclass
class Memory:
    """What the fake knows, open to the tests."""

    batches: dict[str, Batch] = field(default_factory=dict[str, Batch])
    documents: dict[str, Document] = field(default_factory=dict[str, Document])
    answered: dict[str, Message] = field(default_factory=dict[str, Message])
    calls: list[tuple[str, dict[str, str], Any]] = field(default_factory=list[tuple[str, dict[str, str], Any]])
    faults: dict[str, CallError | float | asyncio.Event] = field(
        default_factory=dict[str, CallError | float | asyncio.Event]
    )
    """Method → what it answers instead, how many seconds it hangs, or until what."""
    results: list[DocumentResult] = field(default_factory=list[DocumentResult])
    object_keys: list[str] = field(default_factory=list[str])
    max_bytes: int = MAX_BYTES
    announced: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    watchers: int = 0

    def called(self, name: str) -> list[Any]:
        return [request for method, _, request in self.calls if method == name]

    def statuses(self) -> list[str]:
        return [DocumentStatus.Name(item.status).removeprefix("DOCUMENT_STATUS_") for item in self.documents.values()]

    def batch(self, batch_id: str) -> Batch:
        if batch_id not in self.batches:
            raise not_found("batch", batch_id)
        return self.batches[batch_id]

    def document(self, document_id: str) -> Document:
        if document_id not in self.documents:
            raise not_found("document", document_id)
        return self.documents[document_id]

    async def note(self, context: Any, request: Any) -> None:
        """Remember a call, then answer its fault if one is planned."""
        method = type(request).__name__.removesuffix("Request")
        self.calls.append((method, dict(context.invocation_metadata()), request))
        fault = self.faults.get(method)
        if isinstance(fault, CallError):
            raise fault
        if isinstance(fault, asyncio.Event):
            await fault.wait()
        elif fault is not None:
            await asyncio.sleep(fault)

    async def change(self, batch_id: str, status: BatchStatus.ValueType) -> Batch:
        """Move a batch on and tell its watchers."""
        batch = self.batch(batch_id)
        async with self.changed:
            batch.status = status
            batch.version += 1
            self.changed.notify_all()
        return batch


class FakeBatchService(BatchServiceServicer):  # what is not here, nobody in these tests asks for
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def CreateBatch(self, request: rpc.CreateBatchRequest, context: Any) -> rpc.CreateBatchResponse:
        await self.memory.note(context, request)
        if not request.extraction_prompt:
            raise invalid({"extraction_prompt": "must not be empty"})
        if found := self.memory.answered.get(request.request_id):
            return found  # type: ignore[return-value]
        batch = Batch(
            id=str(uuid.uuid4()),
            name=request.name,
            extraction_prompt=request.extraction_prompt,
            output_schema=request.output_schema,
            options=request.options,
            status=BatchStatus.BATCH_STATUS_PENDING,
            version=1,
            tier=Tier.TIER_PLUS,
        )
        batch.create_time.FromJsonString("2026-11-23T10:00:00Z")
        self.memory.batches[batch.id] = batch
        return self._remember(request.request_id, rpc.CreateBatchResponse(batch=batch))

    async def ListBatches(self, request: rpc.ListBatchesRequest, context: Any) -> rpc.ListBatchesResponse:
        await self.memory.note(context, request)
        return rpc.ListBatchesResponse(batches=self.memory.batches.values(), next_page_token="next")

    async def GetBatch(self, request: rpc.GetBatchRequest, context: Any) -> rpc.GetBatchResponse:
        await self.memory.note(context, request)
        return rpc.GetBatchResponse(batch=self.memory.batch(request.batch_id))

    async def AddDocuments(self, request: rpc.AddDocumentsRequest, context: Any) -> rpc.AddDocumentsResponse:
        await self.memory.note(context, request)
        batch = self.memory.batch(request.batch_id)
        if found := self.memory.answered.get(request.request_id):
            return found  # type: ignore[return-value]
        added = [self._announce(batch, item) for item in request.documents]
        return self._remember(request.request_id, rpc.AddDocumentsResponse(documents=added, batch=batch))

    async def RemoveDocument(self, request: rpc.RemoveDocumentRequest, context: Any) -> rpc.RemoveDocumentResponse:
        await self.memory.note(context, request)
        self.memory.documents.pop(request.document_id)
        return rpc.RemoveDocumentResponse(batch=self.memory.batch(request.batch_id))

    async def SealBatch(self, request: rpc.SealBatchRequest, context: Any) -> rpc.SealBatchResponse:
        await self.memory.note(context, request)
        if self.memory.batch(request.batch_id).status != BatchStatus.BATCH_STATUS_PENDING:
            raise precondition(CallReason.BATCH_NOT_DRAFT, "sealed already")
        return rpc.SealBatchResponse(batch=await self.memory.change(request.batch_id, BatchStatus.BATCH_STATUS_QUEUED))

    async def CancelBatch(self, request: rpc.CancelBatchRequest, context: Any) -> rpc.CancelBatchResponse:
        await self.memory.note(context, request)
        batch = await self.memory.change(request.batch_id, BatchStatus.BATCH_STATUS_CANCELLED)
        return rpc.CancelBatchResponse(batch=batch)

    async def CancelDocuments(self, request: rpc.CancelDocumentsRequest, context: Any) -> rpc.CancelDocumentsResponse:
        await self.memory.note(context, request)
        batch = self.memory.batch(request.batch_id)
        return rpc.CancelDocumentsResponse(batch=batch, cancelled_count=len(request.document_ids))

    async def PauseBatch(self, request: rpc.PauseBatchRequest, context: Any) -> rpc.PauseBatchResponse:
        await self.memory.note(context, request)
        batch = self.memory.batch(request.batch_id)
        batch.hold_reason = HoldReason.HOLD_REASON_PAUSED_BY_USER
        return rpc.PauseBatchResponse(batch=batch)

    async def ResumeBatch(self, request: rpc.ResumeBatchRequest, context: Any) -> rpc.ResumeBatchResponse:
        await self.memory.note(context, request)
        batch = self.memory.batch(request.batch_id)
        batch.ClearField("hold_reason")
        return rpc.ResumeBatchResponse(batch=batch)

    async def DeleteBatch(self, request: rpc.DeleteBatchRequest, context: Any) -> rpc.DeleteBatchResponse:
        await self.memory.note(context, request)
        self.memory.batches.pop(self.memory.batch(request.batch_id).id)
        return rpc.DeleteBatchResponse()

    async def RetryDocuments(self, request: rpc.RetryDocumentsRequest, context: Any) -> rpc.RetryDocumentsResponse:
        await self.memory.note(context, request)
        return rpc.RetryDocumentsResponse(batch=self.memory.batch(request.batch_id), retried_count=3)

    async def ListDocuments(self, request: rpc.ListDocumentsRequest, context: Any) -> rpc.ListDocumentsResponse:
        await self.memory.note(context, request)
        return rpc.ListDocumentsResponse(documents=self.memory.documents.values())

    async def GetDocument(self, request: rpc.GetDocumentRequest, context: Any) -> rpc.GetDocumentResponse:
        await self.memory.note(context, request)
        return rpc.GetDocumentResponse(document=self.memory.document(request.document_id))

    async def GetLimits(self, request: rpc.GetLimitsRequest, context: Any) -> rpc.GetLimitsResponse:
        await self.memory.note(context, request)
        return rpc.GetLimitsResponse(limits=Limits(tier=Tier.TIER_PLUS, bytes_per_document=self.memory.max_bytes))

    async def GetUsage(self, request: rpc.GetUsageRequest, context: Any) -> rpc.GetUsageResponse:
        await self.memory.note(context, request)
        months = [MonthlyUsage(month="2026-11-01", documents=7)] * (request.months or 12)
        return rpc.GetUsageResponse(months=months, usage=LimitUsage(documents_this_month=7))

    async def GetCaller(self, request: rpc.GetCallerRequest, context: Any) -> rpc.GetCallerResponse:
        await self.memory.note(context, request)
        return rpc.GetCallerResponse(tenant_id="t", tenant_name="acme", user_id="ann", tier=Tier.TIER_PLUS)

    async def StreamResults(
        self, request: rpc.StreamResultsRequest, context: Any
    ) -> AsyncIterator[rpc.StreamResultsResponse]:
        await self.memory.note(context, request)
        self.memory.batch(request.batch_id)
        for result in self.memory.results:
            yield rpc.StreamResultsResponse(result=result)

    async def WatchBatch(self, request: rpc.WatchBatchRequest, context: Any) -> AsyncIterator[rpc.WatchBatchResponse]:
        await self.memory.note(context, request)
        batch, seen = self.memory.batch(request.batch_id), request.after_version
        self.memory.watchers += 1
        try:
            while True:
                if batch.version > seen:
                    seen = batch.version
                    yield rpc.WatchBatchResponse(batch=batch)
                if batch.status in FINAL:
                    return
                async with self.memory.changed:
                    await self.memory.changed.wait_for(partial(is_newer, batch, seen))
        finally:
            self.memory.watchers -= 1

    def _announce(self, batch: Batch, item: rpc.DocumentAnnouncement) -> Document:
        document = Document(
            id=str(uuid.uuid4()),
            batch_id=batch.id,
            position=len(self.memory.documents) + 1,
            name=item.name,
            size_bytes=item.size_bytes,
            media_type=item.media_type,
            status=DocumentStatus.DOCUMENT_STATUS_PENDING_UPLOAD,
        )
        self.memory.documents[document.id] = document
        self.memory.announced[document.id] = (item.size_bytes, item.sha256)
        return document

    def _remember(self, request_id: str, answer: Answer) -> Answer:
        self.memory.answered[request_id] = answer
        return answer


class FakeIntakeService(IntakeServiceServicer):
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def BeginUpload(self, request: intake.BeginUploadRequest, context: Any) -> intake.BeginUploadResponse:
        await self.memory.note(context, request)
        self.memory.batch(request.batch_id)
        document = self.memory.document(request.document_id)
        key = f"t/tests/{document.id}/{uuid.uuid4()}"
        self.memory.object_keys.append(key)
        size, sha256 = self.memory.announced[document.id]
        return intake.BeginUploadResponse(
            object_key=key, max_bytes=self.memory.max_bytes, expected_sha256=sha256, expected_size_bytes=size
        )

    async def CompleteUpload(
        self, request: intake.CompleteUploadRequest, context: Any
    ) -> intake.CompleteUploadResponse:
        await self.memory.note(context, request)
        document = self.memory.document(request.document_id)
        document.status = DocumentStatus.DOCUMENT_STATUS_UPLOADED
        document.size_bytes, document.sha256 = request.size_bytes, request.sha256
        return intake.CompleteUploadResponse(document=document)


async def serve_fake_batch(memory: Memory, address: str = "127.0.0.1:0") -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(interceptors=[FaultInterceptor(_enter, lambda _: None)])
    add_BatchServiceServicer_to_server(cast("Any", FakeBatchService)(memory), server)
    add_IntakeServiceServicer_to_server(FakeIntakeService(memory), server)
    port = server.add_insecure_port(address)
    await server.start()
    return server, port


async def _enter(method: str, context: Any) -> None:
    metadata = dict(context.invocation_metadata())
    if metadata.get("authorization") != f"Bearer {API_KEY}":
        raise unauthenticated("the key is not valid")
    if "Intake" in method and metadata.get("x-quire-service") != SERVICE_TOKEN:
        raise CallError(grpc.StatusCode.PERMISSION_DENIED, CallReason.FORBIDDEN, "for the gateway only")
