"""BatchService.GetUsage: what a tenant uses now, and what it used month by month."""

from dataclasses import asdict

from batch.identity import caller
from batch.store import usage
from batch.store.database import Database
from batch.views import used
from batch.wire.fields import Violations
from quire.batch.v1 import batch_service_pb2, limits_pb2

USUAL_MONTHS = 12
MOST_MONTHS = 36


class GetUsage:
    """Reads use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: batch_service_pb2.GetUsageRequest, _: object
    ) -> batch_service_pb2.GetUsageResponse:
        """Answer the use of the caller's tenant."""
        violations = Violations()
        violations.within("months", request.months, 0, MOST_MONTHS)
        violations.check()
        tenant_id = caller().tenant_id
        async with self._database.tenant(tenant_id) as tx:
            months = await usage.history(tx, tenant_id, request.months or USUAL_MONTHS)
            now = await used(tx, tenant_id)
        return batch_service_pb2.GetUsageResponse(
            months=[limits_pb2.MonthlyUsage(**asdict(one)) for one in months], usage=now
        )
