"""A call repeated under its request id has its effect once, however many repeats come at once, for a day."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import grpc
import pytest

from batch.loops.forget import Forget
from chassis.errors import CallReason
from quire.admin.v1.admin_service_pb2 import CreateApiKeyRequest, CreateApiKeyResponse
from quire.batch.v1.batch_service_pb2 import AddDocumentsRequest, DocumentAnnouncement
from tests.integration.batch.sweeps import Ground, sweeping
from tests.integration.batch.tenants import Tenant, an_id, refused
from tests.integration.batch.world import World

REPEATS = 50
Call = Callable[..., Awaitable[Any]]


async def creating(tenant: Tenant) -> tuple[Call, Call, str]:
    """A call, the same with another body, and what counts how often it was done."""
    counted = "SELECT count(*) FROM batch_processes WHERE tenant_id = $1"
    return partial(tenant.create, name="once"), partial(tenant.create, name="other"), counted


async def announcing(tenant: Tenant) -> tuple[Call, Call, str]:
    batch = await tenant.create()

    def named(name: str) -> Call:
        async def announce(request_id: str) -> Any:
            documents = [DocumentAnnouncement(name=name)]
            asked = AddDocumentsRequest(request_id=request_id, batch_id=batch.id, documents=documents)
            return await tenant.door.batch.AddDocuments(asked, metadata=tenant.metadata)

        return announce

    return named("once"), named("other"), "SELECT count(*) FROM documents WHERE tenant_id = $1"


async def sealing(tenant: Tenant) -> tuple[Call, Call, str]:
    draft = await tenant.draft(1)
    counted = "SELECT documents FROM usage_by_month WHERE tenant_id = $1"
    return partial(tenant.seal, draft.id), partial(tenant.seal, draft.id, drop_incomplete=True), counted


async def retrying(tenant: Tenant) -> tuple[Call, Call, str]:
    batch = await tenant.sealed(1)
    await tenant.cancel(batch.id)
    counted = "SELECT sum(retry_generation) FROM batch_processes WHERE tenant_id = $1"
    return partial(tenant.retry, batch.id), partial(tenant.retry, batch.id, error_codes=["CANCELLED"]), counted


async def making_a_key(tenant: Tenant) -> tuple[Call, Call, str]:
    counted = "SELECT count(*) - 1 FROM api_keys WHERE tenant_id = $1"
    return partial(make_key, tenant, "once"), partial(make_key, tenant, "other"), counted


async def make_key(tenant: Tenant, name: str, request_id: str) -> CreateApiKeyResponse:
    asked = CreateApiKeyRequest(tenant_id=tenant.id, name=name, request_id=request_id)
    return await tenant.door.admin.CreateApiKey(asked, metadata=tenant.door.operator)


def without_secret(answers: Sequence[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, CreateApiKeyResponse):
            answer.ClearField("secret")
    return list(answers)


@pytest.fixture
async def ground(world: World) -> AsyncIterator[Ground]:
    async with sweeping(world) as opened:
        yield opened


@pytest.mark.parametrize("prepare", [creating, announcing, sealing, retrying, making_a_key])
async def test_repeats_at_once_have_one_effect_and_one_answer(
    world: World, prepare: Callable[[Tenant], Awaitable[tuple[Call, Call, str]]]
) -> None:
    tenant, request_id = await world.tenant(), an_id()
    call, other, counted = await prepare(tenant)
    answers = without_secret(await asyncio.gather(*(call(request_id=request_id) for _ in range(REPEATS))))
    assert all(answer == answers[0] for answer in answers)
    assert await world.ask(counted, tenant.id) == 1
    error = await refused(other(request_id=request_id))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, CallReason.REQUEST_ID_REUSED)
    assert without_secret([await call(request_id=request_id.upper())]) == answers[:1]
    assert await world.ask(counted, tenant.id) == 1


async def test_a_repeat_never_tells_the_secret_of_a_key_and_none_is_kept(world: World) -> None:
    tenant, request_id = await world.tenant(), an_id()
    first, again = [await make_key(tenant, "mine", request_id) for _ in range(2)]
    assert first.secret.startswith(first.api_key.prefix)
    assert (again.api_key, again.secret) == (first.api_key, "")
    kept = await world.ask("SELECT string_agg(encode(response, 'escape'), ' ') FROM idempotency_records")
    assert first.api_key.id in kept
    assert first.secret.removeprefix(f"{first.api_key.prefix}_") not in kept


async def test_a_request_id_is_kept_for_a_day_and_forgotten_then(world: World, ground: Ground) -> None:
    tenant, request_id = await world.tenant(), an_id()
    first, forget = await tenant.create(request_id=request_id), Forget(ground.database)
    older = "UPDATE idempotency_records SET created_at = created_at - CAST($1 AS text)::interval"
    await world.database.execute(older, "23 hours 59 minutes")
    await forget.round()
    assert await tenant.create(request_id=request_id) == first
    await world.database.execute(older, "1 minute")
    await forget.round()
    assert (await tenant.create(request_id=request_id)).id != first.id
