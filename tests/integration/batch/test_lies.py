"""What workers and operators may not say: it is refused out loud, and what stands beside it goes on."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from chassis.errors import CallReason, from_rpc_error
from chassis.topology import DOCUMENT_EXTRACTED
from quire.admin.v1.admin_service_pb2 import CreateTenantRequest
from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, TIER_ENTERPRISE, TIER_PLUS
from quire.work.v1.work_service_pb2 import AttachRequest, Beat, Hello
from tests.integration.batch.tenants import an_id, refused
from tests.integration.batch.workers import Attempt, succeed
from tests.integration.batch.world import World


@pytest.mark.catalogue("Q03", "Q04")
async def test_a_result_that_lies_elsewhere_is_dead_lettered_and_not_folded(world: World) -> None:
    tenant, other = await world.tenant(), await world.tenant()
    batch = await tenant.sealed(3)
    held = asyncio.Event()

    async def lie(attempt: Attempt) -> None:
        if attempt.claim.position != 1:
            await succeed(attempt)
            return
        own = attempt.claim.result_key
        for key in (
            own.replace(tenant.id, other.id),
            own.replace("/a/1/", "/a/2/"),
            own.replace("/result.json", "/../1/result.json"),
            own.replace(attempt.claim.document_id, an_id()),
            "result.json",
        ):
            await attempt.extract(result_key=key)
        await held.wait()
        await attempt.extract()

    await world.worker(lie)
    await world.until("SELECT succeeded = 2 FROM batch_processes WHERE id = $1", batch.id)
    assert {letter["routing_key"] for letter in await world.dead_letters(5)} == {DOCUMENT_EXTRACTED}
    assert (await tenant.get(batch.id)).counters.processing == 1
    held.set()
    final = await tenant.until_final(batch.id)
    assert (final.status, final.counters.succeeded) == (BATCH_STATUS_COMPLETED, 3)


@pytest.mark.catalogue("G04")
@pytest.mark.parametrize(
    ("second", "named"),
    [
        (AttachRequest(beat=Beat(lease_tokens=["no id"])), "lease_tokens"),
        (AttachRequest(hello=Hello(worker_id="again", slots=1)), "beat"),
        (AttachRequest(), "beat"),
    ],
)
async def test_a_malformed_beat_ends_the_line_with_an_error(world: World, second: AttachRequest, named: str) -> None:
    async def beats() -> AsyncIterator[AttachRequest]:
        yield AttachRequest(hello=Hello(worker_id=an_id(), slots=1))
        yield second
        await asyncio.Event().wait()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in world.door.work.Attach(beats(), metadata=world.door.worker, timeout=20):
            pass
    error = from_rpc_error(caught.value)
    assert (error.code, list(error.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, [named])


async def test_a_tenant_of_another_tier_is_not_created_over(world: World) -> None:
    tenant = await world.tenant(TIER_PLUS)
    create, operator = world.door.admin.CreateTenant, world.door.operator
    again = CreateTenantRequest(name=tenant.message.name, tier=TIER_PLUS)
    assert (await create(again, metadata=operator)).tenant == tenant.message
    other = CreateTenantRequest(name=tenant.message.name, tier=TIER_ENTERPRISE)
    error = await refused(create(other, metadata=operator))
    assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, CallReason.TENANT_EXISTS)
    assert "PLUS" in error.message
    assert (await create(again, metadata=operator)).tenant.tier == TIER_PLUS
