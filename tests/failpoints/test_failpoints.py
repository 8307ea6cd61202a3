"""Whatever happens to a process at any of the 22 points, every document ends once and nothing is counted twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from chassis.failpoints import Mode, Point
from quire.batch.v1.batch_pb2 import BATCH_STATUS_CANCELLED, BATCH_STATUS_COMPLETED, Batch
from quire_client import QuireClient
from tests import audit
from tests.chaos.stage import Stage, Tenant
from tests.failpoints.conftest import LEASE_SECONDS
from tests.failpoints.way import Way, write_papers

FIRES_SECONDS = 30.0
LOOK_SECONDS = 0.02
STOPPED_SECONDS = {"G": 1.0, "B": 1.5, "W": LEASE_SECONDS + 0.7}
# Where the process that dies has an answer in hand that is not stored yet, it has to be bought again.
BOUGHT_AGAIN = {Point.W3, Point.W4, Point.W5}
SERVICE = {"G": "gateway-1", "B": "batch-1", "W": "extractor-1"}

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def way(on_stage: Stage, tenant: Tenant) -> AsyncIterator[Way]:
    async with QuireClient(on_stage.endpoint, tenant.key, on_stage.uploads[0], retry_for=30, persist_for=30) as quire:
        yield Way(on_stage, tenant, quire)


@pytest.mark.parametrize("documents", [1, 20])
@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("point", list(Point))
async def test_every_document_ends_once_whatever_happens_there(
    way: Way, point: Point, mode: Mode, documents: int
) -> None:
    papers = write_papers(max(documents, 2) if point is Point.G4 else documents)
    nth = 3 if documents > 1 and point not in {Point.B8, Point.B9} else 1
    way.stage.failpoint.write_text(f"{point}:{mode}:{nth if point.startswith(('G', 'W')) else 1}")
    firing = asyncio.create_task(_go_on_after(way.stage, point, mode))
    try:
        if point is Point.B9:
            way.stage.model.hold()
        batch_id = await (way.submit_form(papers) if point is Point.G4 else way.submit(papers))
        if point is Point.B9:
            await _cancel_what_runs(way, batch_id, documents)
        await firing
        batch = await way.final(batch_id)
    finally:
        way.stage.model.release()
        firing.cancel()
        way.stage.failpoint.unlink(missing_ok=True)
    await _assert_all_is_well(way, batch, point)
    if point is not Point.B9:
        most = 2 if point in BOUGHT_AGAIN or (mode is Mode.STOP and point is Point.W2) else 1
        bought = way.bought(papers)
        assert {paper.mark for paper in papers} == set(bought)
        assert max(bought.values()) <= most
        assert sum(bought.values()) <= len(papers) + (_in_flight(documents) if most > 1 else 0)


def _in_flight(documents: int) -> int:
    """Documents a worker has in hand at most."""
    return min(documents, 8)


async def _go_on_after(stage: Stage, point: Point, mode: Mode) -> None:
    """Return once the point has fired and its process is there again."""
    fired = stage.failpoint.with_suffix(".fired")
    async with asyncio.timeout(FIRES_SECONDS):
        while not fired.exists():  # noqa: ASYNC110 - another process renames the file
            await asyncio.sleep(LOOK_SECONDS)
    fired.unlink()
    if mode is Mode.STOP:
        await asyncio.sleep(STOPPED_SECONDS[point[0]])
        stage.crew.thaw(SERVICE[point[0]])


async def _cancel_what_runs(way: Way, batch_id: str, documents: int) -> None:
    """Cancel while the model is asked for as many as fit."""
    async with asyncio.timeout(FIRES_SECONDS):
        while way.stage.model.holding() < _in_flight(documents):
            await asyncio.sleep(LOOK_SECONDS)
    await way.insist(lambda: way.quire.cancel(batch_id))


async def _assert_all_is_well(way: Way, batch: Batch, point: Point) -> None:
    cancelled = point is Point.B9
    assert batch.status == (BATCH_STATUS_CANCELLED if cancelled else BATCH_STATUS_COMPLETED), batch
    counted = batch.counters.cancelled if cancelled else batch.counters.succeeded
    assert counted == batch.counters.total
    owner = await way.stage.owner()
    try:
        async with asyncio.timeout(FIRES_SECONDS):
            while await owner.value("SELECT count(*) FROM outbox"):
                await asyncio.sleep(LOOK_SECONDS)
            while not (told := _terminal_ids(way.stage, batch.id)):
                await asyncio.sleep(LOOK_SECONDS)
        assert len(told) == 1
        assert await audit.violations(owner) == []
    finally:
        await owner.close()


def _terminal_ids(stage: Stage, batch_id: str) -> set[str]:
    """Ids of the terminal events a subscriber has seen of a batch."""
    final = {"COMPLETED", "CANCELLED", "FAILED", "COMPLETED_WITH_ERRORS", "EXPIRED"}
    return {
        one.event_id
        for one in stage.records.subscriber.seen
        if one.batch_id == batch_id and one.status in final and one.event_type != "batch.progressed.v1"
    }
