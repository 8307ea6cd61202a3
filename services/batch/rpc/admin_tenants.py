"""AdminService, tenants: create, list, update."""

from uuid_utils.compat import uuid7

from batch.domain.tiers import TierRulesFault, check_overrides
from batch.store import tenants
from batch.store.database import Database
from batch.store.tenants import TenantRow
from batch.wire import paging
from batch.wire.fields import Violations
from batch.wire.moments import timestamp
from chassis.errors import CallReason, already_exists, not_found
from quire.admin.v1 import admin_service_pb2, tenant_pb2
from quire.batch.v1 import batch_pb2

ADMIN = "admin"


def tenant_message(row: TenantRow) -> tenant_pb2.Tenant:
    """A tenant as operators see it."""
    return tenant_pb2.Tenant(
        id=str(row.id),
        name=row.name,
        tier=batch_pb2.Tier.Value(f"TIER_{row.tier}"),
        limit_overrides=row.limit_overrides,
        create_time=timestamp(row.created_at),
    )


def _tier(violations: Violations, number: batch_pb2.Tier.ValueType, *, required: bool) -> str | None:
    if number not in batch_pb2.Tier.values() or (required and not number):
        violations.add("tier", "must be a known tier")
        return None
    return batch_pb2.Tier.Name(number).removeprefix("TIER_") if number else None


class CreateTenant:
    """Creates tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.CreateTenantRequest, _: object
    ) -> admin_service_pb2.CreateTenantResponse:
        """Answer the tenant of that name and tier."""
        violations = Violations()
        violations.text("name", request.name, 100, required=True)
        tier = _tier(violations, request.tier, required=True)
        violations.check()
        async with self._database.engine() as tx:
            row = await tenants.create(tx, uuid7(), request.name, tier or "")
        if row.tier != tier:
            message = f"there is a tenant {row.name!r} of tier {row.tier}; UpdateTenant moves it to another"
            raise already_exists(CallReason.TENANT_EXISTS, message)
        return admin_service_pb2.CreateTenantResponse(tenant=tenant_message(row))


class ListTenants:
    """Reads pages of tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.ListTenantsRequest, _: object
    ) -> admin_service_pb2.ListTenantsResponse:
        """Answer a page, by name."""
        query = paging.query_of(ADMIN, request)
        place = paging.place_of(request.page_token, query, str)
        size = paging.page_size(request.page_size, 50)
        async with self._database.engine() as tx:
            found = await tenants.list_page(tx, place[0] if place else "", size + 1)
        page = found[:size]
        return admin_service_pb2.ListTenantsResponse(
            tenants=[tenant_message(row) for row in page],
            next_page_token=paging.token(query, [page[-1].name]) if len(found) > size else "",
        )


class UpdateTenant:
    """Changes tier and limits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.UpdateTenantRequest, _: object
    ) -> admin_service_pb2.UpdateTenantResponse:
        """Answer the changed tenant."""
        violations = Violations()
        tenant_id = violations.uuid("tenant_id", request.tenant_id)
        tier = _tier(violations, request.tier, required=False)
        overrides = dict(request.limit_overrides) if request.replace_overrides else None
        try:
            check_overrides(overrides or {})
        except TierRulesFault as fault:
            violations.add("limit_overrides", str(fault))
        violations.check()
        async with self._database.engine() as tx:
            row = await tenants.update(tx, tenant_id, tier, overrides)
        if row is None:
            raise not_found("tenant", request.tenant_id)
        return admin_service_pb2.UpdateTenantResponse(tenant=tenant_message(row))
