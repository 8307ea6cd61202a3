"""Who gets in where: credentials at the door."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from chassis.errors import CallReason
from quire.admin.v1.admin_service_pb2 import (
    CreateApiKeyRequest,
    CreateTenantRequest,
    ListApiKeysRequest,
    ListTenantsRequest,
    RevokeApiKeyRequest,
    UpdateTenantRequest,
)
from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE, TIER_PLUS, Tier
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest
from quire.intake.v1.intake_service_pb2 import BeginUploadRequest
from quire.work.v1.work_service_pb2 import AttachRequest, ClaimDocumentRequest, ProposeSchemaRequest
from tests.integration.batch.tenants import Metadata, Tenant, an_id, refused
from tests.integration.batch.world import World


def bearer(key: str) -> Metadata:
    return (("authorization", f"Bearer {key}"),)


async def ask(tenant: Tenant, metadata: Metadata) -> object:
    return await tenant.door.batch.GetLimits(GetLimitsRequest(), metadata=metadata)


@pytest.mark.catalogue("G01")
@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", "Basic dXNlcjpwYXNz"),),
        bearer("quire_000000000000_secret"),
        bearer("quire__"),
        bearer("x" * 8_000),
        bearer("' OR 1=1 --"),
        (*bearer("quire_000000000000_secret"), *bearer("quire_000000000000_secret")),
    ],
)
async def test_a_call_without_a_valid_key_is_unauthenticated(world: World, metadata: Metadata) -> None:
    error = await refused(ask(await world.tenant(), metadata))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAUTHENTICATED, CallReason.UNAUTHENTICATED)


@pytest.mark.catalogue("G01")
async def test_a_key_with_another_secret_is_unauthenticated(world: World) -> None:
    tenant = await world.tenant()
    prefix = tenant.key.rsplit("_", 1)[0][:18]
    assert (await refused(ask(tenant, bearer(f"{prefix}_{'A' * 43}")))).code is grpc.StatusCode.UNAUTHENTICATED
    assert await ask(tenant, tenant.metadata)


async def test_a_key_is_refused_before_anything_of_the_call_is_read(world: World) -> None:
    tenant = await world.tenant()
    stranger = Tenant(tenant.door, tenant.message, "quire_none_none")
    assert (await refused(stranger.get("not an id"))).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.catalogue("G01")
async def test_a_revoked_key_and_an_expired_one_are_unauthenticated(world: World) -> None:
    tenant = await world.tenant()
    admin, operator = tenant.door.admin, tenant.door.operator
    made = await admin.CreateApiKey(CreateApiKeyRequest(tenant_id=tenant.id, name="other"), metadata=operator)
    revoke = RevokeApiKeyRequest(api_key_id=made.api_key.id)
    revoked = await admin.RevokeApiKey(revoke, metadata=operator)
    assert revoked.api_key.HasField("revoke_time")
    assert (await admin.RevokeApiKey(revoke, metadata=operator)) == revoked
    assert (await refused(ask(tenant, bearer(made.secret)))).code is grpc.StatusCode.UNAUTHENTICATED
    expired = await tenant.door.create_key(tenant.id, expire_time=datetime.now(UTC) - timedelta(seconds=1))
    assert (await refused(ask(tenant, bearer(expired)))).code is grpc.StatusCode.UNAUTHENTICATED
    valid = await tenant.door.create_key(tenant.id, expire_time=datetime.now(UTC) + timedelta(hours=1))
    assert await ask(tenant, bearer(valid))


@pytest.mark.catalogue("G01")
async def test_services_are_not_for_tenants_nor_for_each_others_tokens(world: World) -> None:
    tenant, door = await world.tenant(), world.door
    gateway = (("x-quire-service", world.servers["QUIRE_GATEWAY_TOKEN"]),)

    async def lines() -> AsyncIterator[AttachRequest]:
        yield AttachRequest()

    def calls(metadata: Metadata) -> dict[str, Any]:
        return {
            "intake": door.intake.BeginUpload(BeginUploadRequest(), metadata=metadata),
            "work": door.work.ClaimDocument(ClaimDocumentRequest(), metadata=metadata),
            "admin": door.admin.ListTenants(ListTenantsRequest(), metadata=metadata),
        }

    allowed = {"intake": gateway, "work": door.worker, "admin": door.operator}
    for metadata in (tenant.metadata, gateway, door.worker, door.operator, (("x-quire-service", "guess"),)):
        for name, call in calls(metadata).items():
            if metadata != allowed[name]:
                error = await refused(call)
                assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, CallReason.FORBIDDEN), name
            else:
                call.cancel()
    for call in calls(()).values():
        assert (await refused(call)).code is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.work.Attach(lines(), metadata=tenant.metadata).read()
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_gateways_token_alone_names_no_tenant(world: World) -> None:
    gateway = (("x-quire-service", world.servers["QUIRE_GATEWAY_TOKEN"]),)
    error = await refused(world.door.intake.BeginUpload(BeginUploadRequest(), metadata=gateway))
    assert error.code is grpc.StatusCode.UNAUTHENTICATED


async def test_operators_make_tenants_and_keys_and_walk_through_them(world: World) -> None:
    admin, operator = world.door.admin, world.door.operator
    made = [await world.tenant() for _ in range(5)]
    again = CreateTenantRequest(name=made[0].message.name, tier=TIER_ENTERPRISE)
    assert (await admin.CreateTenant(again, metadata=operator)).tenant == made[0].message
    request, seen = ListTenantsRequest(page_size=2), list[str]()
    while True:
        page = await admin.ListTenants(request, metadata=operator)
        seen += [tenant.id for tenant in page.tenants]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert {tenant.id for tenant in made} <= set(seen)
    await world.door.create_key(made[0].id)
    keys = ListApiKeysRequest(tenant_id=made[0].id, page_size=1)
    first = await admin.ListApiKeys(keys, metadata=operator)
    keys.page_token = first.next_page_token
    second = await admin.ListApiKeys(keys, metadata=operator)
    assert len({key.id for key in (*first.api_keys, *second.api_keys)}) == 2
    assert not second.next_page_token
    assert made[0].key.startswith(first.api_keys[0].prefix)


async def test_what_operators_do_and_who_is_refused_stands_in_the_log_without_a_secret(world: World) -> None:
    tenant, admin, operator = await world.tenant(), world.door.admin, world.door.operator
    missing = RevokeApiKeyRequest(api_key_id=an_id())
    await refused(admin.RevokeApiKey(missing, metadata=operator))
    stranger = f"{tenant.key[:18]}_{'A' * 43}"
    await refused(ask(tenant, bearer(stranger)))
    await refused(admin.ListTenants(ListTenantsRequest(), metadata=tenant.metadata))
    told = world.service.events()
    calls = [event for event in told if event["event"] == "admin_called"]
    made = next(event for event in calls if event.get("tenant_id") == tenant.id)
    assert (made["called"], made["outcome"], made["user_id"]) == ("CreateApiKey", "OK", "ann")
    about = (calls[-1]["called"], calls[-1]["outcome"], calls[-1]["api_key_id"])
    assert about == ("RevokeApiKey", "NOT_FOUND", missing.api_key_id)
    refusals = [event for event in told if event["event"] == "credential_refused"][-2:]
    assert [event["reason"] for event in refusals] == [CallReason.UNAUTHENTICATED, CallReason.FORBIDDEN]
    assert {event["key_prefix"] for event in refusals} == {tenant.key[:18]}
    log = world.service.log.read_text()
    assert not [secret for secret in (tenant.key, stranger, world.servers["QUIRE_ADMIN_TOKEN"]) if secret in log]


async def test_a_refusal_of_another_tenants_id_names_who_asked(world: World) -> None:
    ann, bob = await world.tenant(), await world.tenant()
    batch = await ann.create()
    assert (await refused(bob.get(batch.id))).code is grpc.StatusCode.NOT_FOUND
    last = [event for event in world.service.events() if event["event"] == "call_refused"][-1]
    assert (last["reason"], last["tenant_id"], last["user_id"]) == (CallReason.NOT_FOUND, bob.id, "ann")
    assert last["about"] == {"kind": "batch", "id": batch.id}


async def test_no_secret_of_a_key_is_kept(world: World) -> None:
    tenant = await world.tenant()
    kept = await world.ask("SELECT string_agg(k::text, ' ') FROM api_keys k WHERE tenant_id = $1", tenant.id)
    assert tenant.key.rsplit("_", 1)[-1] not in kept


@pytest.mark.catalogue("G03", "G04")
async def test_operators_input_is_checked_too(world: World) -> None:
    tenant, admin, operator = await world.tenant(), world.door.admin, world.door.operator
    far = CreateApiKeyRequest(tenant_id=tenant.id)
    far.expire_time.seconds = 2**60
    no_tier: Tier.ValueType = 0  # pyright: ignore[reportAssignmentType]
    calls = {
        "name": admin.CreateTenant(CreateTenantRequest(name="", tier=TIER_PLUS), metadata=operator),
        "tier": admin.CreateTenant(CreateTenantRequest(name="x", tier=no_tier), metadata=operator),
        "expire_time": admin.CreateApiKey(far, metadata=operator),
        "tenant_id": admin.UpdateTenant(UpdateTenantRequest(tenant_id="x"), metadata=operator),
        "limit_overrides": admin.UpdateTenant(
            UpdateTenantRequest(
                tenant_id=tenant.id, limit_overrides={"documents_in_flight": 2**40}, replace_overrides=True
            ),
            metadata=operator,
        ),
    }
    for named, call in calls.items():
        error = await refused(call)
        assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])
    for call in (
        admin.UpdateTenant(UpdateTenantRequest(tenant_id=an_id()), metadata=operator),
        admin.CreateApiKey(CreateApiKeyRequest(tenant_id=an_id()), metadata=operator),
        admin.RevokeApiKey(RevokeApiKeyRequest(api_key_id=an_id()), metadata=operator),
    ):
        assert (await refused(call)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.catalogue("G03", "G04")
async def test_workers_input_is_checked_too(world: World) -> None:
    work, worker = world.door.work, world.door.worker
    claim = await refused(work.ClaimDocument(ClaimDocumentRequest(document_id="x"), metadata=worker))
    assert set(claim.violations) == {"document_id", "dispatch_id", "worker_id"}
    propose = await refused(work.ProposeSchema(ProposeSchemaRequest(output_schema="[]"), metadata=worker))
    assert set(propose.violations) == {"batch_id", "lease_token", "output_schema"}
    for first in (AttachRequest(), AttachRequest(beat={"accepting": True})):  # pyright: ignore[reportArgumentType]

        async def lines(message: AttachRequest = first) -> AsyncIterator[AttachRequest]:
            yield message

        with pytest.raises(grpc.aio.AioRpcError, match="must be the first message"):
            await work.Attach(lines(), metadata=worker).read()
