"""WorkService.ProposeSchema: the first schema derived for a batch is kept."""

from batch.domain.schemas import MAX_BYTES
from batch.store import batches, claims
from batch.store.database import Database
from batch.wire.fields import Violations
from chassis.errors import not_found
from quire.work.v1 import work_service_pb2


class ProposeSchema:
    """Keeps derived schemas."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: work_service_pb2.ProposeSchemaRequest, _: object
    ) -> work_service_pb2.ProposeSchemaResponse:
        """Answer the schema that is kept, the proposed one or an earlier one."""
        violations = Violations()
        batch_id = violations.uuid("batch_id", request.batch_id)
        token = violations.uuid("lease_token", request.lease_token)
        violations.text("output_schema", request.output_schema, MAX_BYTES, required=True)
        schema = violations.output_schema("output_schema", request.output_schema)
        violations.check()
        async with self._database.engine() as tx:
            await batches.lock_many(tx, [batch_id])
            if not await claims.holds_lease(tx, batch_id, token):
                raise not_found("lease", request.lease_token)
            kept = await batches.fix_schema(tx, batch_id, schema)
        return work_service_pb2.ProposeSchemaResponse(output_schema=kept)
