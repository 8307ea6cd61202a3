"""Jobs as they go to the broker, after their dispatch has committed."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from batch.store import dispatching
from batch.store.database import Database
from batch.store.dispatching import Dispatched
from chassis.amqp import Publisher, PublishFailed
from chassis.logs import get_logger
from chassis.topology import EXTRACT_JOB, JOBS
from quire.jobs.v1 import jobs_pb2

log = get_logger()

LARGEST_SET = 200


async def publish_jobs(database: Database, publisher: Publisher, dispatched: Sequence[Dispatched]) -> bool:
    """Publish jobs, all in flight at once; whether all are confirmed.

    Documents of those that are not wait for a dispatch again; a job that did arrive all the same finds its dispatch
    gone, and is forgotten. Whoever dies here leaves documents that are found as unclaimed.
    """
    published = await asyncio.gather(*(_publish(publisher, one) for one in dispatched))
    failed = [one.dispatch_id for one, confirmed in zip(dispatched, published, strict=True) if not confirmed]
    if failed:
        async with database.engine() as tx:
            await dispatching.take_back(tx, failed)
        log.warning("jobs_not_published", count=len(failed))
    return not failed


async def dispatch_again(database: Database, publisher: Publisher, unclaimed: Sequence[UUID]) -> None:
    """Send documents anew whose jobs are lost, each under a new dispatch."""
    async with database.engine() as tx:
        again = await dispatching.dispatch(tx, {document: uuid4() for document in unclaimed}, again=True)
    log.warning("documents_dispatched_again", count=len(again))
    await publish_jobs(database, publisher, again)


async def refill(database: Database, publisher: Publisher) -> None:
    """Send every unclaimed document anew, at once: the queue that held their jobs has been made anew."""
    async with database.engine() as tx:
        unclaimed = await dispatching.unclaimed(tx, 0.0, 10 * LARGEST_SET)
    for start in range(0, len(unclaimed), LARGEST_SET):
        await dispatch_again(database, publisher, unclaimed[start : start + LARGEST_SET])


async def _publish(publisher: Publisher, one: Dispatched) -> bool:
    job = jobs_pb2.ExtractDocument(
        tenant_id=str(one.tenant_id),
        batch_id=str(one.batch_id),
        document_id=str(one.document_id),
        dispatch_id=str(one.dispatch_id),
    )
    try:
        await publisher.publish(JOBS, EXTRACT_JOB, job.SerializeToString())
    except PublishFailed:
        return False
    return True
