"""Jobs as they go to the broker, after their dispatch has committed."""

import asyncio
from collections.abc import Sequence

from batch.store.dispatching import Dispatched
from chassis.amqp import Publisher, PublishFailed
from chassis.logs import get_logger
from chassis.topology import EXTRACT_JOB, JOBS
from quire.jobs.v1 import jobs_pb2

log = get_logger()


async def publish_jobs(publisher: Publisher, dispatched: Sequence[Dispatched]) -> None:
    """Publish jobs, all in flight at once; one that fails is found again as unclaimed."""
    published = await asyncio.gather(*(_publish(publisher, one) for one in dispatched))
    failed = published.count(False)
    if failed:
        log.warning("jobs_not_published", count=failed)


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
