"""What operators do: tenants and their keys, dead letters and queues."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from quire.admin.v1.admin_service_pb2 import (
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    CreateTenantRequest,
    GetQueueHealthRequest,
    ListApiKeysRequest,
    ListDeadLettersRequest,
    ListTenantsRequest,
    ReplayDeadLettersRequest,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    RotateApiKeyResponse,
    UpdateTenantRequest,
)
from quire.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from quire.admin.v1.tenant_pb2 import ApiKey, DeadLetter, QueueHealth, Tenant
from quire.batch.v1.batch_pb2 import TIER_UNSPECIFIED, Tier
from quire_client.channel import Caller, Tls, open_channel
from quire_client.settings import ADMIN_TOKEN, ENDPOINT, read_environment, read_tls

PAGE_SIZE = 500


class AdminClient:
    """The operator's view; its token stays inside the operator's walls."""

    def __init__(self, endpoint: str, admin_token: str, *, retry_for: float = 5.0, tls: Tls | None = None) -> None:
        """Prepare a channel to `host:port` of the batch service."""
        metadata = (("x-quire-service", admin_token),)
        self._caller = Caller(metadata, retry_for)
        self._once = Caller(metadata, 0.0)
        self._channel = open_channel(endpoint, tls)
        self._admin = AdminServiceStub(self._channel)

    @classmethod
    def from_environment(cls, *, retry_for: float = 5.0, environment: Mapping[str, str] = os.environ) -> Self:
        """Read QUIRE_ENDPOINT, QUIRE_ADMIN_TOKEN, and certificates if there are.

        Raises:
            ConfigurationError: one of the first two is missing, or a certificate cannot be read.
        """
        endpoint, token = read_environment(ENDPOINT, ADMIN_TOKEN, environment=environment)
        return cls(endpoint, token, retry_for=retry_for, tls=read_tls(environment))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def create_tenant(self, name: str, tier: Tier.ValueType) -> Tenant:
        """Create a tenant; an existing one of that name and tier is answered."""
        request = CreateTenantRequest(name=name, tier=tier)
        return (await self._caller.call(self._admin.CreateTenant, request)).tenant

    async def list_tenants(self) -> AsyncIterator[Tenant]:
        """Iterate over all tenants by name."""
        request = ListTenantsRequest(page_size=PAGE_SIZE)
        while True:
            page = await self._caller.call(self._admin.ListTenants, request)
            for tenant in page.tenants:
                yield tenant
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def update_tenant(
        self,
        tenant_id: str,
        *,
        tier: Tier.ValueType = TIER_UNSPECIFIED,
        limit_overrides: Mapping[str, int] | None = None,
    ) -> Tenant:
        """Change the tier, or replace all overrides when given; new batches only."""
        request = UpdateTenantRequest(
            tenant_id=tenant_id,
            tier=tier,
            limit_overrides=limit_overrides,
            replace_overrides=limit_overrides is not None,
        )
        return (await self._caller.call(self._admin.UpdateTenant, request)).tenant

    async def create_api_key(
        self, tenant_id: str, user_id: str, name: str = "", expire_time: datetime | None = None
    ) -> CreateApiKeyResponse:
        """Make a key; `.secret` is shown this once. Tried once only, as each try makes another key."""
        request = CreateApiKeyRequest(tenant_id=tenant_id, user_id=user_id, name=name)
        if expire_time:
            request.expire_time.FromDatetime(expire_time)
        return await self._once.call(self._admin.CreateApiKey, request)

    async def list_api_keys(self, tenant_id: str) -> AsyncIterator[ApiKey]:
        """Iterate over the keys of a tenant, oldest first."""
        request = ListApiKeysRequest(tenant_id=tenant_id, page_size=PAGE_SIZE)
        while True:
            page = await self._caller.call(self._admin.ListApiKeys, request)
            for api_key in page.api_keys:
                yield api_key
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def rotate_api_key(
        self, api_key_id: str, overlap: timedelta | None = None, expire_time: datetime | None = None
    ) -> RotateApiKeyResponse:
        """Make a key in the place of another, which stays valid for `overlap` (24 hours). Tried once only."""
        request = RotateApiKeyRequest(api_key_id=api_key_id)
        if overlap is not None:
            request.overlap.FromTimedelta(overlap)
        if expire_time:
            request.expire_time.FromDatetime(expire_time)
        return await self._once.call(self._admin.RotateApiKey, request)

    async def revoke_api_key(self, api_key_id: str) -> ApiKey:
        """Make a key invalid within 60 seconds everywhere."""
        return (await self._caller.call(self._admin.RevokeApiKey, RevokeApiKeyRequest(api_key_id=api_key_id))).api_key

    async def list_dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Iterate over messages that no consumer could read and that were not replayed, oldest first."""
        request = ListDeadLettersRequest(page_size=PAGE_SIZE)
        while True:
            page = await self._caller.call(self._admin.ListDeadLetters, request)
            for letter in page.dead_letters:
                yield letter
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def replay_dead_letters(self, ids: Sequence[str]) -> int:
        """Send at most 1,000 dead letters to their queues again; answers how many were sent."""
        return (
            await self._caller.call(self._admin.ReplayDeadLetters, ReplayDeadLettersRequest(ids=ids))
        ).replayed_count

    async def queues(self) -> list[QueueHealth]:
        """Read the state of every queue."""
        return list((await self._caller.call(self._admin.GetQueueHealth, GetQueueHealthRequest())).queues)
