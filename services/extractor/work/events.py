"""What the batch service is told of an attempt: outcome or progress in, confirmed event out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from chassis.amqp import Publisher, PublishFailed
from chassis.failpoints import Point, during
from chassis.logs import get_logger
from chassis.topology import (
    DOCUMENT_EXTRACTED,
    DOCUMENT_FAILED,
    DOCUMENT_PROGRESSED,
    DOCUMENT_RELEASED,
    PROGRESS,
)
from extractor.domain.extraction import Usage
from extractor.domain.outcome import Attempted, Failed, Released, Stage, Succeeded
from extractor.work.backoff import backoff
from extractor.work.leases import Lease
from quire.batch.v1 import document_pb2
from quire.events.v1 import progress_pb2
from quire.work.v1.work_service_pb2 import Claim

log = get_logger()

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
_STAGES = {
    Stage.FETCH: document_pb2.STAGE_FETCH,
    Stage.PARSE: document_pb2.STAGE_PARSE,
    Stage.EXTRACT: document_pb2.STAGE_EXTRACT,
    Stage.VALIDATE: document_pb2.STAGE_VALIDATE,
    Stage.STORE: document_pb2.STAGE_STORE,
}


@dataclass(frozen=True, slots=True)
class Advance:
    """How far an attempt is."""

    stage: Stage
    pages_done: int = 0
    pages_total: int = 0
    media_type: str = ""


class Events:
    """Tells the batch service over exchange `quire.progress`."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def tell(self, claim: Claim, outcome: Attempted, lease: Lease) -> bool:
        """Publish how the attempt ended until it is confirmed; False when the lease was lost first.

        There is no other way to report, and a repeated event does no harm.
        """
        routing_key, event = event_of(claim, outcome)
        delays = backoff(FIRST_DELAY, LONGEST_DELAY)
        while not lease.lost:
            try:
                telling = self._publisher.publish(PROGRESS, routing_key, event.SerializeToString())
                await during(Point.W7, telling)
            except PublishFailed as error:
                log.warning("outcome_not_confirmed", error=str(error))
                await lease.pause(next(delays))
            else:
                return True
        return False

    async def progress(self, claim: Claim, advance: Advance) -> None:
        """Publish how far it is, once: the next progress or the outcome will do as well."""
        event = progress_pb2.DocumentProgressed(
            ref=_ref(claim),
            stage=_STAGES[advance.stage],
            pages_done=advance.pages_done,
            pages_total=advance.pages_total,
            media_type=advance.media_type,
        )
        try:
            await self._publisher.publish(PROGRESS, DOCUMENT_PROGRESSED, event.SerializeToString())
        except PublishFailed as error:
            log.warning("progress_not_confirmed", error=str(error))


def event_of(claim: Claim, outcome: Attempted) -> tuple[str, Message]:
    """Routing key and body of the event that tells of an outcome."""
    match outcome:
        case Succeeded():
            return DOCUMENT_EXTRACTED, _extracted(claim, outcome)
        case Failed():
            return DOCUMENT_FAILED, _failed(claim, outcome)
        case Released():
            return DOCUMENT_RELEASED, _released(claim, outcome)
        case _:
            assert_never(outcome)


def _extracted(claim: Claim, outcome: Succeeded) -> progress_pb2.DocumentExtracted:
    return progress_pb2.DocumentExtracted(
        ref=_ref(claim),
        result_key=outcome.result_key,
        result_sha256=outcome.sha256,
        result_size_bytes=outcome.size_bytes,
        pages=outcome.pages,
        media_type=outcome.media_type,
        ungrounded_fields=outcome.ungrounded_fields,
        usage=_usage(outcome.usage),
    )


def _failed(claim: Claim, outcome: Failed) -> progress_pb2.DocumentFailed:
    return progress_pb2.DocumentFailed(
        ref=_ref(claim),
        code=outcome.code,
        message=outcome.message,
        phase=_STAGES[outcome.phase],
        usage=_usage(outcome.usage),
        pages=outcome.pages,
        media_type=outcome.media_type,
    )


def _released(claim: Claim, outcome: Released) -> progress_pb2.DocumentReleased:
    wait = Duration()
    wait.FromTimedelta(timedelta(seconds=outcome.retry_after))
    return progress_pb2.DocumentReleased(
        ref=_ref(claim),
        code=outcome.code or "",
        message=outcome.message,
        retry_after=wait,
        usage=_usage(outcome.usage),
    )


def _ref(claim: Claim) -> progress_pb2.AttemptRef:
    return progress_pb2.AttemptRef(
        tenant_id=claim.tenant_id,
        batch_id=claim.batch_id,
        document_id=claim.document_id,
        attempt=claim.attempt,
        lease_token=claim.lease_token,
        retry_generation=claim.retry_generation,
    )


def _usage(usage: Usage) -> document_pb2.Usage:
    return document_pb2.Usage(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost_micros=usage.cost_micros
    )
