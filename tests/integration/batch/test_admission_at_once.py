"""Limits hold however many ask at once, in any order, through any replica: real transactions, races and all."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from chassis.errors import CallReason, from_rpc_error
from chassis.failures import FailureCode
from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE, Batch
from tests.integration.batch.tenants import Tenant
from tests.integration.batch.world import World

REFUSALS = {FailureCode.QUOTA_EXHAUSTED, FailureCode.TIER_LIMIT, CallReason.BATCH_NOT_DRAFT}
EXAMPLES = 12
LIMITS = some.fixed_dictionaries(
    {
        "open_batches": some.integers(3, 6),
        "creates_per_minute": some.integers(3, 6),
        "documents_per_batch": some.integers(1, 6),
        "documents_per_month": some.integers(1, 6),
    }
)
SIZES = some.lists(some.integers(1, 3), min_size=4, max_size=8)
COUNTED = {
    "open_batches": "SELECT count(*) FROM batch_processes WHERE tenant_id = $1",
    "creates_per_minute": "SELECT count(*) FROM batch_processes WHERE tenant_id = $1",
    "documents_per_batch": "SELECT max(total_documents) FROM batch_processes WHERE tenant_id = $1",
    "documents_per_month": "SELECT coalesce(sum(total_documents), 0) FROM batch_processes"
    " WHERE tenant_id = $1 AND sealed_at IS NOT NULL",
}

IN_FLIGHT = """
SELECT tenant_id::text AS tenant, count(*) AS n FROM documents WHERE dispatch_id IS NOT NULL GROUP BY tenant_id"""


@dataclass(frozen=True)
class Crowd:
    """One tenant that asks through two replicas in turn, everything at once."""

    world: World
    callers: Sequence[Tenant]

    async def at_once(self, calls: Sequence[Awaitable[Any]]) -> list[Any]:
        """What was answered; whatever was refused was refused for a limit."""
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in refused:
            assert isinstance(error, grpc.aio.AioRpcError), error
            assert from_rpc_error(error).reason in REFUSALS, error
        return [answer for answer in answers if answer not in refused]

    async def run(self, sizes: Sequence[int]) -> None:
        """Create, announce into the same drafts, upload and seal, each kind at once."""
        turn = cycle(self.callers)
        drafts: Sequence[Batch] = await self.at_once([next(turn).create() for _ in sizes])
        announced = await self.at_once(
            [next(turn).announce(draft.id, size) for size in sizes for draft in (drafts[size % len(drafts)], drafts[0])]
        )
        for number, document in enumerate(one for group in announced for one in group):
            await next(turn).upload(document, b"%d" % number)
        filled = {one.batch_id for group in announced for one in group}
        await self.at_once([next(turn).seal(batch_id) for batch_id in filled for _ in self.callers])

    async def counted(self) -> dict[str, int]:
        (tenant, *_) = self.callers
        return {limit: await self.world.ask(sql, tenant.id) or 0 for limit, sql in COUNTED.items()}


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(limits=LIMITS, sizes=SIZES)
async def test_no_limit_is_ever_exceeded_when_everything_is_asked_at_once(
    world: World, limits: Mapping[str, int], sizes: Sequence[int]
) -> None:
    tenant = await world.tenant(TIER_ENTERPRISE, **limits)
    if not world.processes:
        await world.replica("rpc")
    crowd = Crowd(world, [tenant, tenant.through(await world.door_to(world.processes[0].address))])
    await crowd.run(sizes)
    counted = await crowd.counted()
    assert {limit: used for limit, used in counted.items() if used > limits[limit]} == {}
    assert counted["open_batches"] == min(len(sizes), limits["open_batches"], limits["creates_per_minute"])
    metered = await world.ask("SELECT documents FROM usage_by_month WHERE tenant_id = $1", tenant.id)
    assert (metered or 0) == counted["documents_per_month"]


async def test_creates_a_minute_are_counted_across_replicas(world: World) -> None:
    tenant, replica = await world.tenant(creates_per_minute=7), await world.replica("rpc")
    crowd = Crowd(world, [tenant, tenant.through(await world.door_to(replica.address))])
    assert len(await crowd.at_once([crowd.callers[number % 2].create() for number in range(30)])) == 7
    assert (await crowd.counted())["creates_per_minute"] == 7


async def test_no_more_documents_are_ever_in_flight_than_the_tier_allows(world: World) -> None:
    tenant, other = await world.tenant(documents_in_flight=3), await world.tenant(documents_in_flight=2)
    await world.replica("dispatch")  # two dispatchers elect one of them for each round
    batches = [await one.sealed(count) for one in (tenant, other) for count in (9, 6)]
    sampled: dict[str, set[int]] = {tenant.id: set(), other.id: set()}
    await world.worker(slots=8)
    finals = asyncio.gather(*((tenant, other)[number // 2].until_final(one.id) for number, one in enumerate(batches)))
    while not finals.done():
        for one in await world.database.rows(IN_FLIGHT):
            sampled[one["tenant"]].add(one["n"])
        await asyncio.sleep(0)
    assert [final.counters.succeeded for final in await finals] == [9, 6, 9, 6]
    assert (max(sampled[tenant.id]), max(sampled[other.id])) == (3, 2)
