"""BatchService.CreateBatch: a draft, if the tenant's tier allows one more."""

from typing import Any

from uuid_utils.compat import uuid7

from batch.domain import tiers
from batch.domain.retries import DEFAULT_MAX_FAILURES
from batch.domain.tiers import Limits, Tier, TierRules
from batch.identity import Caller, caller
from batch.once import once
from batch.store import batches, tenants, usage
from batch.store.database import Database, Tx
from batch.wire.batches import batch_message
from batch.wire.fields import Violations
from batch.wire.limits import refuse
from chassis.errors import not_implemented
from quire.batch.v1 import batch_pb2, batch_service_pb2

WEEK = 7 * 24 * 3600
MONTH = 30 * 24 * 3600


class CreateBatch:
    """Creates drafts."""

    def __init__(self, database: Database, rules: TierRules) -> None:
        self._database = database
        self._rules = rules

    async def __call__(
        self, request: batch_service_pb2.CreateBatchRequest, _: object
    ) -> batch_service_pb2.CreateBatchResponse:
        """Answer the new draft."""
        options = _check(request)
        who = caller()
        async with self._database.tenant(who.tenant_id) as tx:
            return await once(
                tx,
                who.tenant_id,
                request,
                batch_service_pb2.CreateBatchResponse,
                lambda: self._create(tx, who, request, options),
            )

    async def _create(
        self, tx: Tx, who: Caller, request: batch_service_pb2.CreateBatchRequest, options: dict[str, Any]
    ) -> batch_service_pb2.CreateBatchResponse:
        tenant = await tenants.get(tx, who.tenant_id, lock=True)
        assert tenant is not None  # noqa: S101 - the key's foreign key says so
        limits = tiers.limits_for(self._rules, Tier(tenant.tier), tenant.limit_overrides)
        await self._admit(tx, who, limits)
        row = await batches.insert(
            tx,
            batches.NewBatch(
                id=uuid7(),
                tenant_id=who.tenant_id,
                user_id=who.user_id,
                name=request.name,
                description=request.description,
                extraction_prompt=request.extraction_prompt,
                output_schema=request.output_schema or None,
                options=options,
                tier=tenant.tier,
                limits=tiers.to_mapping(limits),
            ),
        )
        return batch_service_pb2.CreateBatchResponse(batch=batch_message(row))

    async def _admit(self, tx: Tx, who: Caller, limits: Limits) -> None:
        creates = await usage.created_last_minute(tx, who.tenant_id, limits.creates_per_minute)
        refusal = tiers.admit_batch(
            self._rules,
            limits,
            open_batches=await batches.count_open(tx, who.tenant_id),
            creates_last_minute=creates.count,
        )
        refuse(refusal, self._rules, creates.frees_at, retry_after=creates.frees_in_seconds)


def _check(request: batch_service_pb2.CreateBatchRequest) -> dict[str, Any]:
    violations = Violations()
    violations.text("name", request.name, 200)
    violations.text("description", request.description, 2_000)
    violations.text("extraction_prompt", request.extraction_prompt, 20_000, required=True)
    violations.output_schema("output_schema", request.output_schema)
    options = _options(violations, request.options)
    violations.check()
    if request.source_batch_id:
        raise not_implemented("CreateBatchRequest.source_batch_id")
    if request.options.sample_first:
        raise not_implemented("BatchOptions.sample_first")
    if request.options.cost_cap_micros:
        raise not_implemented("BatchOptions.cost_cap_micros")
    return options


def _options(violations: Violations, options: batch_pb2.BatchOptions) -> dict[str, Any]:
    deadline = WEEK
    if options.HasField("deadline"):
        deadline = violations.span("options.deadline", options.deadline, 60, MONTH)
    violations.within("options.max_failures", options.max_failures, 0, 10)
    violations.within("options.sample_first", options.sample_first, 0, 100)
    violations.within("options.cost_cap_micros", options.cost_cap_micros, 0, 2**62)
    return {"deadline_seconds": deadline, "max_failures": options.max_failures or DEFAULT_MAX_FAILURES}
