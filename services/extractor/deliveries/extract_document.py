"""The door for `document.extract.v1`: claim, run, tell, and acknowledge last."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import assert_never

from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPException

from chassis.failpoints import Point, reach
from chassis.logs import bind, get_logger
from extractor.domain.outcome import Failed, Gone, Outcome, Released, Revoked, Succeeded, Unreadable, Untouched
from extractor.work.attempt import Attempt, Bench
from extractor.work.claims import Claims
from extractor.work.events import Events
from extractor.work.job import Job, UnreadableJob, read_job
from extractor.work.leases import Leases, StopCause
from extractor.work.progress import Progress
from quire.work.v1.work_service_pb2 import Claim

log = get_logger()

ACK_DEADLINE = 5.0
DISPATCHES_REMEMBERED = 10_000


class ExtractDocument:
    """Handles deliveries; called many times at once, one call for each slot."""

    def __init__(self, bench: Bench, claims: Claims, leases: Leases, events: Events) -> None:
        self._bench = bench
        self._claims = claims
        self._leases = leases
        self._events = events
        self._claimed: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, delivery: AbstractIncomingMessage) -> None:
        """Bring one delivery to its outcome, then act on it."""
        try:
            job = read_job(delivery.body)
        except UnreadableJob as error:
            await settle(delivery, Unreadable(str(error)))
            return
        with bind(tenant_id=job.tenant_id, batch_id=job.batch_id, document_id=job.document_id):
            await reach(Point.W1)
            outcome = await self._outcome(job)
            await reach(Point.W8)
            await settle(delivery, outcome)
            await reach(Point.W9)

    async def _outcome(self, job: Job) -> Outcome:
        # The batch service would answer a repeated claim of ours as it did at first, and the attempt would run twice.
        if job.dispatch_id in self._claimed:
            return Gone()
        claim = await self._claims.claim(job)
        if not isinstance(claim, Claim):
            return claim
        if job.dispatch_id in self._claimed:
            return Gone()
        self._remember(job.dispatch_id)
        with bind(attempt=claim.attempt):
            return await self._under_lease(claim)

    def _remember(self, dispatch_id: str) -> None:
        self._claimed[dispatch_id] = None
        if len(self._claimed) > DISPATCHES_REMEMBERED:
            self._claimed.popitem(last=False)

    async def _under_lease(self, claim: Claim) -> Outcome:
        """Run the attempt and tell how it ended; the lease is held until that is confirmed."""
        progress = Progress(lambda advance: self._events.progress(claim, advance))
        attempt = Attempt(self._bench, claim, progress)
        with self._leases.hold(claim.lease_token) as lease:
            ended = await lease.run(attempt.run())
            progress.close()
            if ended is StopCause.REVOKED:
                return Revoked()
            outcome = attempt.stopped(ended) if isinstance(ended, StopCause) else ended
            return outcome if await self._events.tell(claim, outcome, lease) else Revoked()


async def settle(delivery: AbstractIncomingMessage, outcome: Outcome) -> None:
    """The one place that acts on outcomes, and the last thing done with a delivery."""
    match outcome:
        case Succeeded():
            log.info("document_extracted", pages=outcome.pages, ungrounded_fields=outcome.ungrounded_fields)
            await _ack(delivery)
        case Failed():
            log.info("document_failed", code=outcome.code, phase=outcome.phase.name, reason=outcome.message)
            await _ack(delivery)
        case Released():
            log.info("document_released", code=outcome.code, retry_after=outcome.retry_after)
            await _ack(delivery)
        case Revoked() | Gone():
            log.info("job_forgotten", outcome=type(outcome).__name__)
            await _ack(delivery)
        case Unreadable():
            log.error("job_rejected", reason=outcome.reason)
            await _reject(delivery)
        case Untouched():
            log.info("job_left_to_others")
        case _:
            assert_never(outcome)


async def _ack(delivery: AbstractIncomingMessage) -> None:
    # A broken link loses the ack; the broker then repeats a job whose dispatch is used up, and it is forgotten.
    with suppress(AMQPException, OSError, TimeoutError, RuntimeError):
        async with asyncio.timeout(ACK_DEADLINE):
            await delivery.ack()


async def _reject(delivery: AbstractIncomingMessage) -> None:
    with suppress(AMQPException, OSError, TimeoutError, RuntimeError):
        async with asyncio.timeout(ACK_DEADLINE):
            await delivery.reject(requeue=False)
