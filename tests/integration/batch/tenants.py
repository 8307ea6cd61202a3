"""What callers do: operators make tenants and keys, tenants make batches, the gateway completes uploads."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import pytest

from chassis.errors import CallError, from_rpc_error
from chassis.rpc_client import open_channel
from quire.admin.v1.admin_service_pb2 import CreateApiKeyRequest, CreateTenantRequest, UpdateTenantRequest
from quire.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from quire.admin.v1.tenant_pb2 import Tenant as TenantMessage
from quire.batch.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_COMPLETED_WITH_ERRORS,
    BATCH_STATUS_EXPIRED,
    BATCH_STATUS_FAILED,
    TIER_ENTERPRISE,
    Batch,
    Tier,
)
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    CancelBatchRequest,
    CancelDocumentsRequest,
    CancelDocumentsResponse,
    CreateBatchRequest,
    DeleteBatchRequest,
    DocumentAnnouncement,
    GetBatchRequest,
    GetDocumentRequest,
    ListDocumentAttemptsRequest,
    ListDocumentsRequest,
    PauseBatchRequest,
    ResumeBatchRequest,
    RetryDocumentsRequest,
    RetryDocumentsResponse,
    SealBatchRequest,
    StreamResultsRequest,
    WatchBatchRequest,
    WatchBatchResponse,
)
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.batch.v1.document_pb2 import Document, DocumentAttempt, DocumentResult
from quire.intake.v1.intake_service_pb2 import BeginUploadRequest, BeginUploadResponse, CompleteUploadRequest
from quire.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from quire.work.v1.work_service_pb2_grpc import WorkServiceStub
from tests.integration.batch.processes import Servers

FINAL = frozenset(
    {
        BATCH_STATUS_COMPLETED,
        BATCH_STATUS_COMPLETED_WITH_ERRORS,
        BATCH_STATUS_FAILED,
        BATCH_STATUS_CANCELLED,
        BATCH_STATUS_EXPIRED,
    }
)
SCHEMA = '{"type": "object", "properties": {"total": {"type": "number"}}}'
BODY = b"Total: 12.50\n"
Metadata = tuple[tuple[str, str], ...]


def an_id() -> str:
    return str(uuid.uuid4())


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass
class Door:
    """A channel to a replica, or to several, with its stubs."""

    address: str
    servers: Servers
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = open_channel(self.address)
        self.batch = BatchServiceStub(self.channel)
        self.intake = IntakeServiceStub(self.channel)
        self.work = WorkServiceStub(self.channel)
        self.admin = AdminServiceStub(self.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    @property
    def operator(self) -> Metadata:
        return (("x-quire-service", self.servers["QUIRE_ADMIN_TOKEN"]),)

    @property
    def worker(self) -> Metadata:
        return (("x-quire-service", self.servers["QUIRE_WORKER_TOKEN"]),)

    async def create_tenant(self, tier: Tier.ValueType = TIER_ENTERPRISE, **overrides: int) -> "Tenant":
        """A new tenant with a key."""
        asked = CreateTenantRequest(name=f"tenant {an_id()}", tier=tier)
        tenant = (await self.admin.CreateTenant(asked, metadata=self.operator)).tenant
        if overrides:
            changes = UpdateTenantRequest(tenant_id=tenant.id, limit_overrides=overrides, replace_overrides=True)
            tenant = (await self.admin.UpdateTenant(changes, metadata=self.operator)).tenant
        return Tenant(self, tenant, await self.create_key(tenant.id))

    async def create_key(self, tenant_id: str, **fields: Any) -> str:
        asked = CreateApiKeyRequest(tenant_id=tenant_id, user_id="ann", name="test", **fields)
        return (await self.admin.CreateApiKey(asked, metadata=self.operator)).secret


@dataclass(frozen=True)
class Tenant:
    """A tenant that calls."""

    door: Door
    message: TenantMessage
    key: str

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def metadata(self) -> Metadata:
        return (("authorization", f"Bearer {self.key}"),)

    @property
    def gateway(self) -> Metadata:
        return (*self.metadata, ("x-quire-service", self.door.servers["QUIRE_GATEWAY_TOKEN"]))

    def through(self, door: Door) -> "Tenant":
        """The same tenant, calling another replica."""
        return Tenant(door, self.message, self.key)

    async def create(self, **fields: Any) -> Batch:
        asked: dict[str, Any] = {"extraction_prompt": "the total", "output_schema": SCHEMA, **fields}
        answer = await self.door.batch.CreateBatch(CreateBatchRequest(**asked), metadata=self.metadata)
        return answer.batch

    async def announce(self, batch_id: str, count: int = 1, **fields: Any) -> list[Document]:
        announced = [DocumentAnnouncement(name=f"{number}.txt", **fields) for number in range(1, count + 1)]
        asked = AddDocumentsRequest(batch_id=batch_id, documents=announced)
        return list((await self.door.batch.AddDocuments(asked, metadata=self.metadata)).documents)

    async def begin(self, document: Document, size_bytes: int = 0) -> BeginUploadResponse:
        asked = BeginUploadRequest(batch_id=document.batch_id, document_id=document.id, size_bytes=size_bytes)
        return await self.door.intake.BeginUpload(asked, metadata=self.gateway)

    async def complete(self, document: Document, object_key: str, body: bytes = BODY) -> Document:
        asked = CompleteUploadRequest(
            batch_id=document.batch_id,
            document_id=document.id,
            object_key=object_key,
            size_bytes=len(body),
            sha256=digest(body),
            media_type="text/plain",
        )
        return (await self.door.intake.CompleteUpload(asked, metadata=self.gateway)).document

    async def upload(self, document: Document, body: bytes = BODY) -> Document:
        """Record an upload; no test here reads the bytes, so none are stored."""
        return await self.complete(document, (await self.begin(document)).object_key, body)

    async def seal(self, batch_id: str, **fields: Any) -> Batch:
        asked = SealBatchRequest(batch_id=batch_id, **fields)
        return (await self.door.batch.SealBatch(asked, metadata=self.metadata)).batch

    async def draft(self, count: int = 1, **fields: Any) -> Batch:
        """A draft whose documents are uploaded."""
        batch = await self.create(**fields)
        for number, document in enumerate(await self.announce(batch.id, count)):
            await self.upload(document, b"%d\n" % number)
        return await self.get(batch.id)

    async def sealed(self, count: int = 1, **fields: Any) -> Batch:
        """A batch at work."""
        return await self.seal((await self.draft(count, **fields)).id)

    async def get(self, batch_id: str) -> Batch:
        return (await self.door.batch.GetBatch(GetBatchRequest(batch_id=batch_id), metadata=self.metadata)).batch

    async def document(self, document: Document) -> Document:
        asked = GetDocumentRequest(batch_id=document.batch_id, document_id=document.id)
        return (await self.door.batch.GetDocument(asked, metadata=self.metadata)).document

    async def documents(self, batch_id: str, **fields: Any) -> list[Document]:
        asked = ListDocumentsRequest(batch_id=batch_id, page_size=1_000, **fields)
        return list((await self.door.batch.ListDocuments(asked, metadata=self.metadata)).documents)

    async def attempts(self, document: Document) -> list[DocumentAttempt]:
        asked = ListDocumentAttemptsRequest(batch_id=document.batch_id, document_id=document.id)
        return list((await self.door.batch.ListDocumentAttempts(asked, metadata=self.metadata)).attempts)

    async def cancel(self, batch_id: str) -> Batch:
        return (await self.door.batch.CancelBatch(CancelBatchRequest(batch_id=batch_id), metadata=self.metadata)).batch

    async def cancel_documents(self, batch_id: str, ids: Sequence[str]) -> CancelDocumentsResponse:
        asked = CancelDocumentsRequest(batch_id=batch_id, document_ids=ids)
        return await self.door.batch.CancelDocuments(asked, metadata=self.metadata)

    async def pause(self, batch_id: str) -> Batch:
        return (await self.door.batch.PauseBatch(PauseBatchRequest(batch_id=batch_id), metadata=self.metadata)).batch

    async def resume(self, batch_id: str) -> Batch:
        return (await self.door.batch.ResumeBatch(ResumeBatchRequest(batch_id=batch_id), metadata=self.metadata)).batch

    async def delete(self, batch_id: str) -> None:
        await self.door.batch.DeleteBatch(DeleteBatchRequest(batch_id=batch_id), metadata=self.metadata)

    async def retry(self, batch_id: str, ids: Sequence[str] = (), **fields: Any) -> RetryDocumentsResponse:
        asked = RetryDocumentsRequest(batch_id=batch_id, document_ids=ids, **fields)
        return await self.door.batch.RetryDocuments(asked, metadata=self.metadata)

    async def results(self, batch_id: str, **fields: Any) -> list[DocumentResult]:
        asked = StreamResultsRequest(batch_id=batch_id, **fields)
        return [one.result async for one in self.door.batch.StreamResults(asked, metadata=self.metadata)]

    async def watch(self, batch_id: str, **fields: Any) -> AsyncIterator[WatchBatchResponse]:
        asked = WatchBatchRequest(batch_id=batch_id, **fields)
        async for answer in self.door.batch.WatchBatch(asked, metadata=self.metadata):
            yield answer

    async def until_final(self, batch_id: str, seconds: float = 30.0) -> Batch:
        """The final snapshot, watched for through whatever breaks meanwhile."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    async for answer in self.watch(batch_id):
                        if answer.batch.status in FINAL:
                            return answer.batch
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                await asyncio.sleep(0.1)


async def refused(call: Awaitable[object]) -> CallError:
    """What a call that must fail was answered."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)
