"""Whatever happens to a process at any of the 22 points, every document ends once and nothing is counted twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from chassis.failpoints import Mode, Point
from quire.batch.v1.batch_pb2 import BATCH_STATUS_CANCELLED, BATCH_STATUS_COMPLETED, Batch
from quire_client import QuireClient
from tests import audit
from tests.chaos.paper import Paper
from tests.chaos.stage import Stage, Tenant
from tests.failpoints.conftest import LEASE_SECONDS
from tests.failpoints.way import Way, write_papers
from tests.waiting import until, until_true

FIRES_SECONDS = 30.0
STOPPED_SECONDS = {"G": 0.6, "B": 1.0, "W": LEASE_SECONDS + 0.5}
# Where the attempt that ends has asked the model and stored nothing yet.
UNSTORED = {Point.W3, Point.W4, Point.W5}
SERVICE = {"G": "gateway", "B": "batch", "W": "extractor"}

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
        _assert_nothing_was_bought_in_vain(way.bought(papers), papers, _bought_again(point, mode, documents))


def _assert_nothing_was_bought_in_vain(bought: Counter[str], papers: Sequence[Paper], again: int) -> None:
    assert {paper.mark for paper in papers} == set(bought)
    assert max(bought.values()) <= 2
    assert sum(bought.values()) <= len(papers) + again


def _bought_again(point: Point, mode: Mode, documents: int) -> int:
    """How many answers may be lost with a process: those it had in hand, or was waiting for, and had not stored."""
    if not point.startswith("W") or mode is Mode.DELAY:
        return 0
    if mode is Mode.RAISE:
        return int(point in UNSTORED)
    return _in_flight(documents) if documents > 1 else int(point in UNSTORED)


def _in_flight(documents: int) -> int:
    """Documents a worker has in hand at most."""
    return min(documents, 8)


async def _go_on_after(stage: Stage, point: Point, mode: Mode) -> None:
    """Return once the point has fired and its process is there again."""
    fired = stage.failpoint.with_suffix(".fired")
    await until_true(fired.exists, FIRES_SECONDS)
    fired.unlink()
    if mode is Mode.STOP:
        await asyncio.sleep(STOPPED_SECONDS[point[0]])
        for member in stage.crew.of(SERVICE[point[0]]):
            stage.crew.thaw(member.name)


async def _cancel_what_runs(way: Way, batch_id: str, documents: int) -> None:
    """Cancel while the model is asked for as many as fit."""
    await until_true(lambda: way.stage.model.holding() >= _in_flight(documents), FIRES_SECONDS)
    await way.insist(lambda: way.quire.cancel(batch_id))


async def _assert_all_is_well(way: Way, batch: Batch, point: Point) -> None:
    cancelled = point is Point.B9
    assert batch.status == (BATCH_STATUS_CANCELLED if cancelled else BATCH_STATUS_COMPLETED), batch
    counted = batch.counters.cancelled if cancelled else batch.counters.succeeded
    assert counted == batch.counters.total
    owner = await way.stage.owner()
    try:
        await until(lambda: owner.value("SELECT NOT EXISTS (SELECT 1 FROM outbox)"), FIRES_SECONDS)
        await until_true(lambda: bool(_terminal_ids(way.stage, batch.id)), FIRES_SECONDS)
        assert len(_terminal_ids(way.stage, batch.id)) == 1
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
