"""Everybody who may knock: two tenants, those whose keys are void, services by their own credentials, nobody."""

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from quire.admin.v1.admin_service_pb2 import (
    CreateApiKeyRequest,
    CreateTenantRequest,
    RevokeApiKeyRequest,
    UpdateTenantRequest,
)
from quire.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE
from quire.batch.v1.batch_service_pb2 import AddDocumentsRequest, CreateBatchRequest, DocumentAnnouncement
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.intake.v1.intake_service_pb2 import BeginUploadRequest, CompleteUploadRequest
from quire.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

BODY = b"Total: 12.50\n"
PLENTY = {"open_batches": 100_000, "creates_per_minute": 100_000}
Metadata = tuple[tuple[str, str], ...]
SERVICES = {"worker": "QUIRE_WORKER_TOKEN", "gateway": "QUIRE_GATEWAY_TOKEN", "admin": "QUIRE_ADMIN_TOKEN"}


@dataclass(frozen=True)
class Subject:
    """What a call names: a draft with a document whose bytes are there."""

    batch_id: str
    document_id: str
    object_key: str

    @property
    def ids(self) -> tuple[str, ...]:
        return self.object_key, self.batch_id, self.document_id

    @classmethod
    def absent(cls) -> "Subject":
        """One that nobody made."""
        tenant, batch, document, upload = (str(uuid.uuid4()) for _ in range(4))
        return cls(batch, document, f"t/{tenant}/b/{batch}/d/{document}/u/{upload}")


@dataclass(frozen=True)
class Callers:
    """Their credentials; made once for a stack."""

    env: Mapping[str, str]
    keys: Mapping[str, str]
    """By caller: owner, other, expired, revoked."""

    @property
    def names(self) -> list[str]:
        return [*self.keys, *SERVICES, "nobody", "gateway_for_owner", "gateway_for_other"]

    def metadata(self, caller: str) -> Metadata:
        """What a caller sends: its key as a bearer, a service its token in whatever way might be taken."""
        if caller == "nobody":
            return ()
        if caller.startswith("gateway_for_"):
            token = self.env[SERVICES["gateway"]]
            return (*self.metadata(caller.removeprefix("gateway_for_")), ("x-quire-service", token))
        if caller in SERVICES:
            token = self.env[SERVICES[caller]]
            return (("authorization", f"Bearer {token}"), ("x-quire-service", token))
        return (("authorization", f"Bearer {self.keys[caller]}"),)

    async def subject(self, caller: str = "owner") -> Subject:
        """A fresh draft of a tenant's."""
        async with grpc.aio.insecure_channel(self.env["QUIRE_ENDPOINT"]) as channel:
            batches, intake = BatchServiceStub(channel), IntakeServiceStub(channel)
            key, through_gateway = self.metadata(caller), self.metadata(f"gateway_for_{caller}")
            batch = (await batches.CreateBatch(CreateBatchRequest(extraction_prompt="total"), metadata=key)).batch
            asked = AddDocumentsRequest(batch_id=batch.id, documents=[DocumentAnnouncement(name="a.txt")])
            (document,) = (await batches.AddDocuments(asked, metadata=key)).documents
            named: dict[str, Any] = {"batch_id": batch.id, "document_id": document.id}
            begun = await intake.BeginUpload(BeginUploadRequest(**named), metadata=through_gateway)
            stored: dict[str, Any] = {"object_key": begun.object_key, "size_bytes": len(BODY), "sha256": digest()}
            await intake.CompleteUpload(CompleteUploadRequest(**named, **stored), metadata=through_gateway)
        return Subject(batch.id, document.id, begun.object_key)


def digest() -> str:
    return hashlib.sha256(BODY).hexdigest()


def make_callers(env: Mapping[str, str]) -> Callers:
    """Make tenants and keys, good and void."""
    return asyncio.run(_make(env))


async def _make(env: Mapping[str, str]) -> Callers:
    operator: Metadata = (("x-quire-service", env["QUIRE_ADMIN_TOKEN"]),)
    async with grpc.aio.insecure_channel(env["QUIRE_ENDPOINT"]) as channel:
        admin = AdminServiceStub(channel)

        async def tenant() -> str:
            asked = CreateTenantRequest(name=f"caller {uuid.uuid4()}", tier=TIER_ENTERPRISE)
            made = (await admin.CreateTenant(asked, metadata=operator)).tenant
            plenty = UpdateTenantRequest(tenant_id=made.id, limit_overrides=PLENTY, replace_overrides=True)
            await admin.UpdateTenant(plenty, metadata=operator)
            return made.id

        async def key(tenant_id: str, **fields: Any) -> tuple[str, str]:
            made = await admin.CreateApiKey(CreateApiKeyRequest(tenant_id=tenant_id, **fields), metadata=operator)
            return made.secret, made.api_key.id

        owner = await tenant()
        revoked, revoked_id = await key(owner)
        await admin.RevokeApiKey(RevokeApiKeyRequest(api_key_id=revoked_id), metadata=operator)
        expired, _ = await key(owner, expire_time=datetime.now(UTC) - timedelta(seconds=1))
        good = {"owner": (await key(owner))[0], "other": (await key(await tenant()))[0]}
    return Callers(env, {**good, "expired": expired, "revoked": revoked})
