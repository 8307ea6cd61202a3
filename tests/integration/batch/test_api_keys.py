"""The life of an API key: made, rotated with an overlap, revoked."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from chassis.errors import CallReason
from quire.admin.v1.admin_service_pb2 import ListApiKeysRequest, RevokeApiKeyRequest, RotateApiKeyRequest
from quire.admin.v1.admin_service_pb2 import RotateApiKeyResponse as Rotated
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest
from tests.integration.batch.tenants import Tenant, an_id, refused
from tests.integration.batch.world import World
from tests.waiting import until, until_true


async def key_id(tenant: Tenant) -> str:
    listed = await tenant.door.admin.ListApiKeys(ListApiKeysRequest(tenant_id=tenant.id), metadata=tenant.door.operator)
    return listed.api_keys[0].id


async def rotate(tenant: Tenant, key: str, overlap: timedelta | None = None, **fields: Any) -> Rotated:
    asked = RotateApiKeyRequest(api_key_id=key, **fields)
    if overlap is not None:
        asked.overlap.FromTimedelta(overlap)
    return await tenant.door.admin.RotateApiKey(asked, metadata=tenant.door.operator)


async def ask(tenant: Tenant, secret: str) -> object:
    return await tenant.door.batch.GetLimits(GetLimitsRequest(), metadata=(("authorization", f"Bearer {secret}"),))


async def test_a_rotated_key_stays_valid_for_a_day_beside_the_new_one_of_the_same_user(world: World) -> None:
    tenant = await world.tenant()
    rotated = await rotate(tenant, await key_id(tenant))
    assert await ask(tenant, tenant.key)
    assert await ask(tenant, rotated.secret)
    old, new, owner = rotated.replaced, rotated.api_key, (tenant.id, "ann", "test")
    assert (new.tenant_id, new.user_id, new.name) == (old.tenant_id, old.user_id, old.name) == owner
    assert new.id != old.id
    assert not new.HasField("expire_time")
    day = timedelta(hours=24)
    ends = old.expire_time.ToDatetime(UTC)
    assert abs(ends - new.create_time.ToDatetime(UTC) - day) < timedelta(seconds=1)


async def test_a_key_rotated_without_overlap_is_void_at_once_and_the_new_one_is_not(world: World) -> None:
    tenant = await world.tenant()
    soon = datetime.now(UTC) + timedelta(hours=1)
    rotated = await rotate(tenant, await key_id(tenant), timedelta(0), expire_time=soon)
    assert (await refused(ask(tenant, tenant.key))).code is grpc.StatusCode.UNAUTHENTICATED
    assert await ask(tenant, rotated.secret)
    assert rotated.api_key.expire_time.ToDatetime(UTC) == soon


async def test_a_rotation_never_prolongs_the_life_of_the_old_key(world: World) -> None:
    tenant = await world.tenant()
    first = await rotate(tenant, await key_id(tenant), timedelta(hours=1))
    again = await rotate(tenant, first.replaced.id, timedelta(days=7))
    assert again.replaced.expire_time == first.replaced.expire_time


async def test_a_key_that_is_void_or_unknown_is_not_rotated(world: World) -> None:
    tenant = await world.tenant()
    old = await key_id(tenant)
    await tenant.door.admin.RevokeApiKey(RevokeApiKeyRequest(api_key_id=old), metadata=tenant.door.operator)
    error = await refused(rotate(tenant, old))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.API_KEY_VOID)
    assert (await refused(rotate(tenant, an_id()))).code is grpc.StatusCode.NOT_FOUND
    assert await world.ask("SELECT count(*) FROM api_keys WHERE tenant_id = $1", tenant.id) == 1


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
async def test_an_overlap_out_of_range_is_refused(world: World, overlap: timedelta) -> None:
    tenant = await world.tenant()
    error = await refused(rotate(tenant, await key_id(tenant), overlap))
    assert list(error.violations) == ["overlap"]


@pytest.mark.slow
async def test_what_a_revoked_key_watches_ends_within_a_minute(world: World) -> None:
    tenant = await world.tenant()
    batch, revoked = await tenant.create(), await key_id(tenant)
    other = Tenant(tenant.door, tenant.message, await tenant.door.create_key(tenant.id))
    seen: list[int] = []

    async def watch() -> None:
        async for answer in tenant.watch(batch.id):
            seen.append(answer.batch.version)  # noqa: PERF401 - others look at it meanwhile

    watching = asyncio.create_task(watch())
    await until_true(lambda: bool(seen))
    await tenant.door.admin.RevokeApiKey(RevokeApiKeyRequest(api_key_id=revoked), metadata=tenant.door.operator)

    async def has_ended() -> bool:
        await other.announce(batch.id)  # news, which the watcher is not to have
        return watching.done()

    await until(has_ended, seconds=60, every=0.5)
    error = await refused(watching)
    assert error.code is grpc.StatusCode.UNAUTHENTICATED
    assert (await other.get(batch.id)).version > seen[-1]
