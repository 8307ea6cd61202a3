"""WorkService.ClaimDocument: consumes one dispatch; claims that arrive together are one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from batch import ledger
from batch.domain import keys
from batch.store import batches, claims
from batch.store.claims import Asked, Claimed, LeaseTimes
from batch.store.database import Database, Tx
from batch.wire.fields import Violations
from batch.wire.moments import seconds
from quire.work.v1 import work_service_pb2

MOST_TOGETHER = 100
_Answers = dict[tuple[UUID, str], work_service_pb2.Claim]
"""By dispatch and worker: two workers may ask for one dispatch together, and one of them holds it."""


@dataclass(slots=True)
class _Waiting:
    asked: Asked
    answer: asyncio.Future[work_service_pb2.ClaimDocumentResponse] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ClaimDocument:
    """Answers claims."""

    def __init__(self, database: Database, times: LeaseTimes) -> None:
        self._database = database
        self._times = times
        self._waiting: list[_Waiting] = []
        self._serving: asyncio.Task[None] | None = None

    async def __call__(
        self, request: work_service_pb2.ClaimDocumentRequest, _: object
    ) -> work_service_pb2.ClaimDocumentResponse:
        """Answer RUN with all the worker needs, or GONE."""
        waiting = _Waiting(_check(request))
        self._waiting.append(waiting)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve(), name="claims")
        return await waiting.answer

    async def _serve(self) -> None:
        while self._waiting:
            together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            try:
                answers = await self._claim([one.asked for one in together])
            except Exception as error:  # noqa: BLE001 - every caller raises it
                _fail(together, error)
            else:
                _answer(together, answers)

    async def _claim(self, asked: Sequence[Asked]) -> _Answers:
        async with self._database.engine() as tx:
            changed = await claims.claim(tx, asked, self._times)
            fresh = [row.id for row in changed if row.started_at is None]
            if fresh:
                await batches.mark_started(tx, fresh)
                changed = await batches.get_many(tx, [row.id for row in changed])
            await ledger.settle(tx, changed)
            held = await claims.read(tx, asked)
            return await _claims(tx, held)


async def _claims(tx: Tx, held: Sequence[Claimed]) -> _Answers:
    again = [one.document_id for one in held if one.attempt > 1]
    earlier = await claims.earlier_attempts(tx, again) if again else {}
    return {(one.dispatch_id, one.lease_worker): _claim(one, earlier.get(one.document_id, [])) for one in held}


def _claim(held: Claimed, earlier: Sequence[int]) -> work_service_pb2.Claim:
    return work_service_pb2.Claim(
        tenant_id=str(held.tenant_id),
        batch_id=str(held.batch_id),
        document_id=str(held.document_id),
        attempt=held.attempt,
        lease_token=str(held.lease_token),
        name=held.name,
        object_key=held.object_key,
        size_bytes=held.size_bytes,
        sha256=held.sha256,
        extraction_prompt=held.extraction_prompt,
        output_schema=held.output_schema or "",
        max_pages=held.limits["pages_per_document"],
        job_deadline=seconds(held.remaining_seconds),
        result_key=_result_key(held, held.attempt),
        earlier_result_keys=[_result_key(held, attempt) for attempt in earlier],
        retry_generation=held.retry_generation,
        position=held.position,
    )


def _result_key(held: Claimed, attempt: int) -> str:
    return keys.result_key(held.tenant_id, held.batch_id, held.document_id, attempt)


def _answer(together: Sequence[_Waiting], answers: _Answers) -> None:
    for one in together:
        claim = answers.get((one.asked.dispatch_id, one.asked.worker))
        verdict = work_service_pb2.CLAIM_VERDICT_RUN if claim else work_service_pb2.CLAIM_VERDICT_GONE
        if not one.answer.done():
            one.answer.set_result(work_service_pb2.ClaimDocumentResponse(verdict=verdict, claim=claim))


def _fail(together: Sequence[_Waiting], error: Exception) -> None:
    for one in together:
        if not one.answer.done():
            one.answer.set_exception(error)


def _check(request: work_service_pb2.ClaimDocumentRequest) -> Asked:
    violations = Violations()
    document_id = violations.uuid("document_id", request.document_id)
    dispatch_id = violations.uuid("dispatch_id", request.dispatch_id)
    violations.text("worker_id", request.worker_id, 200, required=True)
    violations.check()
    return Asked(document_id, dispatch_id, request.worker_id, uuid4())
