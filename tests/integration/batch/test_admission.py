"""Tier limits: refused with limit, used and reset, and never exceeded however many ask at once."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest

from chassis.errors import CallReason
from chassis.failures import FailureCode
from quire.admin.v1.admin_service_pb2 import UpdateTenantRequest
from quire.batch.v1.batch_pb2 import HOLD_REASON_TENANT_CONCURRENCY, TIER_FREE, TIER_GROWTH, TIER_PLUS
from tests.integration.batch.tenants import refused
from tests.integration.batch.world import World


async def test_a_free_tenant_is_told_the_tier_to_move_to(world: World) -> None:
    tenant = await world.tenant(TIER_FREE)
    error = await refused(tenant.create())
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, FailureCode.TIER_REQUIRED)
    assert error.metadata["tier_required"] == "PLUS"


async def test_one_open_batch_too_many_is_exhausted_until_one_ends(world: World) -> None:
    tenant = await world.tenant(TIER_PLUS)
    made = [await tenant.create() for _ in range(3)]
    error = await refused(tenant.create())
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureCode.QUOTA_EXHAUSTED)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("open_batches", 3, 3)
    await tenant.cancel(made[0].id)
    assert (await tenant.create()).id


async def test_creates_a_minute_are_limited_and_tell_when_to_come_back(world: World) -> None:
    tenant = await world.tenant(creates_per_minute=2)
    for _ in range(2):
        await tenant.create()
    error = await refused(tenant.create())
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.quota is not None
    assert error.quota.limit == "creates_per_minute"
    assert error.retry_after == 60


async def test_too_many_documents_are_refused_when_announced(world: World) -> None:
    tenant = await world.tenant(TIER_PLUS)
    batch = await tenant.create()
    await tenant.announce(batch.id, 49)
    error = await refused(tenant.announce(batch.id, 2))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, FailureCode.TIER_LIMIT)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("documents_per_batch", 50, 51)
    await tenant.announce(batch.id, 1)


async def test_too_large_a_document_is_refused_when_announced_begun_and_completed(world: World) -> None:
    tenant = await world.tenant(bytes_per_document=10)
    batch = await tenant.create()
    (document,) = await tenant.announce(batch.id)
    begun = await tenant.begin(document)
    assert begun.max_bytes == 10
    calls: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("documents[0].size_bytes", lambda: tenant.announce(batch.id, size_bytes=11)),
        ("size_bytes", lambda: tenant.begin(document, 11)),
        ("size_bytes", lambda: tenant.complete(document, begun.object_key, b"x" * 11)),
    ]
    for named, call in calls:
        error = await refused(call())
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, FailureCode.FILE_TOO_LARGE)
        assert list(error.violations) == [named]
        assert error.quota is not None
        assert (error.quota.maximum, error.quota.used) == (10, 11)


async def test_a_month_that_is_used_up_is_refused_when_sealed(world: World) -> None:
    tenant = await world.tenant(documents_per_month=3)
    await tenant.sealed(2)
    draft = await tenant.draft(2)
    error = await refused(tenant.seal(draft.id))
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureCode.QUOTA_EXHAUSTED)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("documents_per_month", 3, 2)
    assert error.quota.reset.endswith("-01T00:00:00+00:00")
    assert (await tenant.get(draft.id)).counters.uploaded == 2


async def test_creates_at_once_never_exceed_open_batches(world: World) -> None:
    tenant = await world.tenant(open_batches=4)
    answers = await asyncio.gather(*(tenant.create() for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 4


async def test_creates_at_once_through_two_replicas_never_exceed_open_batches(world: World) -> None:
    tenant, replica = await world.tenant(open_batches=4), await world.replica("rpc")
    callers = [tenant, tenant.through(await world.door_to(replica.address))]
    answers = await asyncio.gather(*(callers[number % 2].create() for number in range(20)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 4


async def test_announcements_at_once_never_exceed_documents_per_batch(world: World) -> None:
    tenant = await world.tenant(documents_per_batch=10)
    batch = await tenant.create()
    answers = await asyncio.gather(*(tenant.announce(batch.id, 3) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 3
    positions = [document.position for document in await tenant.documents(batch.id)]
    assert positions == list(range(1, 10))


async def test_seals_at_once_never_exceed_the_month(world: World) -> None:
    tenant = await world.tenant(documents_per_month=3)
    drafts = [await tenant.draft(1) for _ in range(6)]
    answers = await asyncio.gather(*(tenant.seal(draft.id) for draft in drafts), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 3
    assert await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id) == 3


async def test_two_seals_of_one_draft_seal_it_once(world: World) -> None:
    tenant = await world.tenant()
    draft = await tenant.draft(2)
    answers = await asyncio.gather(*(tenant.seal(draft.id) for _ in range(6)), return_exceptions=True)
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id) == 2


async def test_a_seal_lists_what_is_missing(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.create()
    announced = await tenant.announce(batch.id, 30)
    for document in announced[:5]:
        await tenant.upload(document, document.id.encode())
    error = await refused(tenant.seal(batch.id))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, FailureCode.UPLOAD_INCOMPLETE)
    assert error.metadata["missing"] == "25"
    assert error.metadata["names"].split("\n") == [f"{number}.txt" for number in range(6, 26)]
    sealed = await tenant.seal(batch.id, drop_incomplete=True)
    assert (sealed.counters.total, sealed.counters.queued) == (5, 5)


@pytest.mark.parametrize("drop_incomplete", [False, True])
async def test_a_seal_of_nothing_is_refused_and_changes_nothing(world: World, drop_incomplete: bool) -> None:
    tenant = await world.tenant()
    empty, missing = await tenant.create(), await tenant.create()
    await tenant.announce(missing.id)
    error = await refused(tenant.seal(empty.id, drop_incomplete=drop_incomplete))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, CallReason.BATCH_EMPTY)
    if drop_incomplete:
        assert (await refused(tenant.seal(missing.id, drop_incomplete=True))).reason == CallReason.BATCH_EMPTY
    assert (await tenant.get(missing.id)).counters.pending_upload == 1


async def test_a_later_change_of_tier_does_not_touch_a_batch(world: World) -> None:
    tenant = await world.tenant(TIER_GROWTH)
    batch = await tenant.create()
    change = UpdateTenantRequest(tenant_id=tenant.id, tier=TIER_FREE)
    await tenant.door.admin.UpdateTenant(change, metadata=tenant.door.operator)
    await tenant.announce(batch.id, 100)
    assert (await tenant.get(batch.id)).tier == TIER_GROWTH
    assert (await refused(tenant.create())).reason == FailureCode.TIER_REQUIRED


async def test_a_tenants_own_window_holds_visibly_what_does_not_fit(world: World) -> None:
    tenant = await world.tenant(documents_in_flight=3)
    batch = await tenant.sealed(5)
    await world.until("SELECT count(*) = 3 FROM documents WHERE tenant_id = $1 AND dispatch_id IS NOT NULL", tenant.id)
    assert (await tenant.get(batch.id)).hold_reason == HOLD_REASON_TENANT_CONCURRENCY
    await world.worker()
    assert (await tenant.until_final(batch.id)).counters.succeeded == 5
