"""Tier limits: refused with limit, used and reset, and never exceeded however many ask at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import ANY

import grpc
import pytest

from chassis.errors import CallReason
from chassis.failures import FailureCode
from quire.admin.v1.admin_service_pb2 import UpdateTenantRequest
from quire.batch.v1.batch_pb2 import HOLD_REASON_TENANT_CONCURRENCY, TIER_FREE, TIER_GROWTH, TIER_PLUS
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest, GetUsageRequest
from quire.batch.v1.limits_pb2 import LimitUsage
from tests.integration.batch.tenants import Tenant, refused
from tests.integration.batch.world import World


@pytest.mark.catalogue("G15")
async def test_a_free_tenant_is_told_the_tier_to_move_to(world: World) -> None:
    tenant = await world.tenant(TIER_FREE)
    error = await refused(tenant.create())
    assert (error.code, error.reason) == (grpc.StatusCode.PERMISSION_DENIED, FailureCode.TIER_REQUIRED)
    assert error.metadata["tier_required"] == "PLUS"


@pytest.mark.catalogue("G15")
async def test_one_open_batch_too_many_is_exhausted_until_one_ends(world: World) -> None:
    tenant = await world.tenant(TIER_PLUS)
    made = [await tenant.create() for _ in range(3)]
    error = await refused(tenant.create())
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FailureCode.QUOTA_EXHAUSTED)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("open_batches", 3, 3)
    await tenant.cancel(made[0].id)
    assert (await tenant.create()).id


@pytest.mark.catalogue("G16")
async def test_creates_a_minute_are_limited_and_tell_when_to_come_back(world: World) -> None:
    tenant = await world.tenant(creates_per_minute=2)
    made = [await tenant.create() for _ in range(2)]
    await tenant.delete(made[0].id)
    error = await refused(tenant.create())
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("creates_per_minute", 2, 2)
    frees_at = "SELECT min(created_at) + interval '60 seconds' FROM batch_processes WHERE tenant_id = $1"
    assert datetime.fromisoformat(error.quota.reset) == await world.ask(frees_at, tenant.id)
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 60
    older = "UPDATE batch_processes SET created_at = created_at - interval '60 seconds' WHERE id = $1"
    await world.database.execute(older, made[1].id)
    assert (await tenant.create()).id
    assert (await refused(tenant.create())).quota == replace(error.quota, reset=ANY)


@pytest.mark.catalogue("G15")
async def test_too_many_documents_are_refused_when_announced(world: World) -> None:
    tenant = await world.tenant(TIER_PLUS)
    batch = await tenant.create()
    await tenant.announce(batch.id, 49)
    error = await refused(tenant.announce(batch.id, 2))
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, FailureCode.TIER_LIMIT)
    assert error.quota is not None
    assert (error.quota.limit, error.quota.maximum, error.quota.used) == ("documents_per_batch", 50, 51)
    await tenant.announce(batch.id, 1)


@pytest.mark.catalogue("G15")
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


@pytest.mark.catalogue("G15")
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


@pytest.mark.catalogue("G13")
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
    await change(tenant, tier=TIER_FREE)
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


async def test_a_document_too_large_for_its_batch_is_refused_once_more_when_sealed(world: World) -> None:
    tenant = await world.tenant(bytes_per_document=10)
    draft = await tenant.draft(2)
    await world.database.execute("UPDATE documents SET size_bytes = 11 WHERE batch_id = $1 AND position = 2", draft.id)
    error = await refused(tenant.seal(draft.id))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, FailureCode.FILE_TOO_LARGE)
    assert "'2.txt' has 11 bytes" in error.message
    await world.database.execute("UPDATE documents SET size_bytes = 2 WHERE batch_id = $1", draft.id)
    assert (await tenant.seal(draft.id)).counters.queued == 2


async def test_a_batch_is_not_opened_again_beyond_open_batches_nor_by_a_tier_without_batches(world: World) -> None:
    tenant = await world.tenant(TIER_GROWTH, open_batches=1)
    ended = await tenant.sealed(1)
    await tenant.cancel(ended.id)
    beside = await tenant.create()
    error = await refused(tenant.retry(ended.id))
    assert (error.reason, error.quota and error.quota.limit) == (FailureCode.QUOTA_EXHAUSTED, "open_batches")
    await tenant.cancel(beside.id)
    await change(tenant, tier=TIER_FREE)
    error = await refused(tenant.retry(ended.id))
    assert (error.reason, error.metadata["tier_required"]) == (FailureCode.TIER_REQUIRED, "PLUS")
    await change(tenant, tier=TIER_GROWTH)
    assert (await tenant.retry(ended.id)).retried_count == 1


async def test_a_document_is_metered_once_however_often_it_is_sealed_retried_and_cancelled(world: World) -> None:
    tenant = await world.tenant(documents_per_month=10)
    batch = await tenant.sealed(3)
    for _ in range(2):
        await tenant.cancel(batch.id)
        await refused(tenant.seal(batch.id))
        await tenant.retry(batch.id)
    await tenant.delete(batch.id)
    assert (await used(tenant)).documents_this_month == 3


async def test_a_change_of_limits_is_for_new_batches_only(world: World) -> None:
    tenant = await world.tenant(TIER_GROWTH)
    before = await tenant.create()
    await change(tenant, limit_overrides={"documents_per_batch": 2}, replace_overrides=True)
    after = await tenant.create()
    assert len(await tenant.announce(before.id, 3)) == 3
    assert (await refused(tenant.announce(after.id, 3))).reason == FailureCode.TIER_LIMIT
    answer = await tenant.door.batch.GetLimits(GetLimitsRequest(), metadata=tenant.metadata)
    assert answer.limits.documents_per_batch == 2


async def test_what_is_used_now_is_told_beside_the_limits_and_beside_the_months(world: World) -> None:
    tenant = await world.tenant(documents_in_flight=1)
    await tenant.sealed(2)
    await tenant.delete((await tenant.create()).id)
    await world.until("SELECT count(*) = 1 FROM documents WHERE tenant_id = $1 AND dispatch_id IS NOT NULL", tenant.id)
    now = await used(tenant)
    assert (now.open_batches, now.documents_in_flight, now.documents_this_month) == (1, 1, 2)
    assert now.creates_last_minute == 2
    answer = await tenant.door.batch.GetUsage(GetUsageRequest(), metadata=tenant.metadata)
    assert answer.usage == now


async def test_months_tell_what_documents_cost_where_their_batch_was_sealed(world: World) -> None:
    tenant, stranger = await world.tenant(), await world.tenant()
    await stranger.sealed(4)
    batch = await tenant.sealed(2)
    await world.worker()
    ended = (await tenant.until_final(batch.id)).counters
    asked = GetUsageRequest(months=3)
    (month,) = (await tenant.door.batch.GetUsage(asked, metadata=tenant.metadata)).months
    assert (month.documents, month.pages, month.cost_micros) == (2, ended.pages, ended.cost_micros)
    assert (month.input_tokens, month.output_tokens) == (ended.input_tokens, ended.output_tokens)
    assert month.input_tokens > 0
    await world.database.execute("UPDATE tenants SET created_at = created_at - interval '1 year'")
    await world.database.execute("UPDATE batch_processes SET sealed_at = sealed_at - interval '1 month'")
    await tenant.delete(batch.id)
    this, last, first = (await tenant.door.batch.GetUsage(asked, metadata=tenant.metadata)).months
    assert (this.documents, this.pages, last.pages, first.pages) == (2, 0, ended.pages, 0)
    assert this.month > last.month > first.month
    for wrong in (-1, 37):
        error = await refused(tenant.door.batch.GetUsage(GetUsageRequest(months=wrong), metadata=tenant.metadata))
        assert list(error.violations) == ["months"]


async def used(tenant: Tenant) -> LimitUsage:
    return (await tenant.door.batch.GetLimits(GetLimitsRequest(), metadata=tenant.metadata)).usage


async def change(tenant: Tenant, **changes: Any) -> None:
    asked = UpdateTenantRequest(tenant_id=tenant.id, **changes)
    await tenant.door.admin.UpdateTenant(asked, metadata=tenant.door.operator)
