"""BatchService.GetLimits: the very numbers the server enforces, and what is used of them."""

from batch.domain import tiers
from batch.domain.tiers import Tier, TierRules
from batch.identity import caller
from batch.store import tenants
from batch.store.database import Database
from batch.views import used
from batch.wire.limits import limits_message
from quire.batch.v1 import batch_service_pb2


class GetLimits:
    """Reads limits."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, _request: batch_service_pb2.GetLimitsRequest, _: object
    ) -> batch_service_pb2.GetLimitsResponse:
        """Answer limits and use of the caller's tenant."""
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            tenant = await tenants.get(tx, tenant_id)
            assert tenant is not None  # noqa: S101 - the key's foreign key says so
            usage = await used(tx, tenant_id)
        tier = Tier(tenant.tier)
        limits = tiers.limits_for(self._rules, tier, tenant.limit_overrides)
        return batch_service_pb2.GetLimitsResponse(limits=limits_message(self._rules, tier, limits), usage=usage)
