# ruff: noqa: N802 - gRPC names its methods
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import grpc
import pytest

from quire.admin.v1 import admin_service_pb2 as admin
from quire.admin.v1 import tenant_pb2
from quire.admin.v1.admin_service_pb2_grpc import AdminServiceServicer, add_AdminServiceServicer_to_server
from quire.batch.v1 import batch_pb2

if TYPE_CHECKING:
    from conftest import Run

TOKEN = "operators-token"


class FakeOperator(AdminServiceServicer):
    def __init__(self) -> None:
        self.tenants: list[tenant_pb2.Tenant] = []
        self.keys: list[tenant_pb2.ApiKey] = []
        self.letters = [tenant_pb2.DeadLetter(id=str(uuid4()), queue="quire.progress.fold", body=b"\xff") for _ in "ab"]
        self.queues = [tenant_pb2.QueueHealth(name="quire.jobs.extract", ready=3, consumers=1, healthy=True)]

    async def _enter(self, _: object, context: Any) -> None:
        if dict(context.invocation_metadata()).get("x-quire-service") != TOKEN:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")

    async def CreateTenant(self, request: admin.CreateTenantRequest, context: Any) -> admin.CreateTenantResponse:
        await self._enter(request, context)
        self.tenants.append(tenant_pb2.Tenant(id=str(uuid4()), name=request.name, tier=request.tier))
        return admin.CreateTenantResponse(tenant=self.tenants[-1])

    async def ListTenants(self, request: admin.ListTenantsRequest, context: Any) -> admin.ListTenantsResponse:
        await self._enter(request, context)
        return admin.ListTenantsResponse(tenants=self.tenants)

    async def UpdateTenant(self, request: admin.UpdateTenantRequest, context: Any) -> admin.UpdateTenantResponse:
        await self._enter(request, context)
        tenant = next(one for one in self.tenants if one.id == request.tenant_id)
        tenant.tier = request.tier
        return admin.UpdateTenantResponse(tenant=tenant)

    async def CreateApiKey(self, request: admin.CreateApiKeyRequest, context: Any) -> admin.CreateApiKeyResponse:
        await self._enter(request, context)
        key = tenant_pb2.ApiKey(
            id=str(uuid4()), tenant_id=request.tenant_id, user_id=request.user_id, prefix="quire_abc"
        )
        self.keys.append(key)
        return admin.CreateApiKeyResponse(api_key=key, secret="quire_abcdef")

    async def ListApiKeys(self, request: admin.ListApiKeysRequest, context: Any) -> admin.ListApiKeysResponse:
        await self._enter(request, context)
        return admin.ListApiKeysResponse(api_keys=self.keys)

    async def RotateApiKey(self, request: admin.RotateApiKeyRequest, context: Any) -> admin.RotateApiKeyResponse:
        await self._enter(request, context)
        old = next(one for one in self.keys if one.id == request.api_key_id)
        old.expire_time.FromSeconds(request.overlap.seconds)
        key = tenant_pb2.ApiKey(id=str(uuid4()), tenant_id=old.tenant_id, user_id=old.user_id, prefix="quire_new")
        if request.HasField("expire_time"):
            key.expire_time.CopyFrom(request.expire_time)
        return admin.RotateApiKeyResponse(api_key=key, secret="quire_new_secret", replaced=old)

    async def RevokeApiKey(self, request: admin.RevokeApiKeyRequest, context: Any) -> admin.RevokeApiKeyResponse:
        await self._enter(request, context)
        return admin.RevokeApiKeyResponse(api_key=next(one for one in self.keys if one.id == request.api_key_id))

    async def ListDeadLetters(
        self, request: admin.ListDeadLettersRequest, context: Any
    ) -> admin.ListDeadLettersResponse:
        await self._enter(request, context)
        if not request.page_token:
            return admin.ListDeadLettersResponse(dead_letters=self.letters[:1], next_page_token="more")
        return admin.ListDeadLettersResponse(dead_letters=self.letters[1:])

    async def ReplayDeadLetters(
        self, request: admin.ReplayDeadLettersRequest, context: Any
    ) -> admin.ReplayDeadLettersResponse:
        await self._enter(request, context)
        known = {letter.id for letter in self.letters}
        return admin.ReplayDeadLettersResponse(replayed_count=len(known & set(request.ids)))

    async def GetQueueHealth(self, request: admin.GetQueueHealthRequest, context: Any) -> admin.GetQueueHealthResponse:
        await self._enter(request, context)
        return admin.GetQueueHealthResponse(queues=self.queues)


@pytest.fixture
def operator() -> FakeOperator:
    make = cast("Any", FakeOperator)  # calls the fake leaves out answer UNIMPLEMENTED
    return make()


@pytest.fixture
async def environment(operator: FakeOperator) -> AsyncIterator[Mapping[str, str]]:
    server = grpc.aio.server()
    add_AdminServiceServicer_to_server(operator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield {"QUIRE_ENDPOINT": f"127.0.0.1:{port}", "QUIRE_ADMIN_TOKEN": TOKEN}
    await server.stop(None)


async def test_create_key_makes_the_tenant_and_prints_the_key_once_when_it_is_missing(
    operator: FakeOperator, run: "Run"
) -> None:
    ended = await run("admin", "create-key", "--tenant", "acme", "--tier", "plus", "--json")

    assert ended.json == {"tenant_id": operator.tenants[0].id, "key": "quire_abcdef", "prefix": "quire_abc"}
    assert operator.tenants[0].tier == batch_pb2.TIER_PLUS
    assert (await run("admin", "create-key", "--tenant", "acme")).out == "quire_abcdef\n"
    assert len(operator.tenants) == 1


async def test_create_key_keeps_the_tier_when_the_tenant_has_another(operator: FakeOperator, run: "Run") -> None:
    await run("admin", "create-tenant", "--tenant", "acme", "--tier", "PLUS")

    ended = await run("admin", "create-key", "--tenant", "acme", "--tier", "GROWTH")

    assert ended.code == 0
    assert "set-tier" in ended.err
    assert operator.tenants[0].tier == batch_pb2.TIER_PLUS


async def test_admin_changes_the_tier_and_revokes_keys_when_told(operator: FakeOperator, run: "Run") -> None:
    await run("admin", "create-key", "--tenant", "acme", "--tier", "PLUS")

    assert "GROWTH" in (await run("admin", "set-tier", "--tenant", "acme", "--tier", "GROWTH")).out
    assert (await run("admin", "list-tenants", "--json")).json["tier"] == "GROWTH"
    (key,) = (await run("admin", "list-keys", "--tenant", "acme", "--json")).json_lines
    assert (await run("admin", "revoke-key", key["id"])).code == 0
    assert (await run("admin", "list-keys", "--tenant", "nobody")).code == 3


async def test_rotate_key_prints_the_new_key_once_and_the_end_of_the_old_one_when_told(
    operator: FakeOperator, run: "Run"
) -> None:
    await run("admin", "create-key", "--tenant", "acme", "--tier", "PLUS")
    old = operator.keys[0].id

    ended = await run("admin", "rotate-key", old, "--overlap", "2d", "--expires-in", "90d", "--json")

    assert (ended.json["key"], ended.json["replaced_expire_time"]) == ("quire_new_secret", "1970-01-03T00:00:00Z")
    assert (await run("admin", "rotate-key", old)).out == "quire_new_secret\n"


async def test_admin_lists_every_dead_letter_and_sends_them_again_when_told(operator: FakeOperator, run: "Run") -> None:
    listed = (await run("admin", "dead-letters", "--json")).json_lines
    assert [letter["id"] for letter in listed] == [letter.id for letter in operator.letters]
    assert "quire.progress.fold" in (await run("admin", "dead-letters")).out
    ended = await run("admin", "replay", *(letter["id"] for letter in listed), "--json")
    assert (ended.code, ended.json) == (0, {"replayed_count": 2})


async def test_admin_says_so_when_a_dead_letter_was_not_sent_again(operator: FakeOperator, run: "Run") -> None:
    ended = await run("admin", "replay", operator.letters[0].id, str(uuid4()))
    assert ended.code == 1
    assert ended.out.startswith("1 of 2 sent again")


async def test_admin_shows_queues_and_ends_with_one_when_a_queue_is_not_well(
    operator: FakeOperator, run: "Run"
) -> None:
    assert (await run("admin", "queues")).code == 0
    operator.queues[0].healthy = False
    ended = await run("admin", "queues", "--json")
    assert ended.code == 1
    assert ended.json_lines[0]["ready"] == 3
