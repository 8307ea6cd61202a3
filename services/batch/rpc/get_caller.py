"""BatchService.GetCaller: whom a credential acts for."""

from batch.identity import caller
from batch.store import tenants
from batch.store.database import Database
from quire.batch.v1 import batch_pb2, batch_service_pb2


class GetCaller:
    """Reads who calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, _request: batch_service_pb2.GetCallerRequest, _: object
    ) -> batch_service_pb2.GetCallerResponse:
        """Answer the tenant and the user."""
        known = caller()
        async with self._database.tenant(known.tenant_id) as tx:
            tenant = await tenants.get(tx, known.tenant_id)
        assert tenant is not None  # noqa: S101 - the credential named it
        return batch_service_pb2.GetCallerResponse(
            tenant_id=str(tenant.id),
            tenant_name=tenant.name,
            user_id=known.user_id,
            tier=batch_pb2.Tier.Value(f"TIER_{tenant.tier}"),
        )
