"""A worker that follows a script: it consumes, claims, tells what the script makes of it, and holds its line."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPException
from google.protobuf.message import Message

from chassis.amqp import Consumer, Publisher, PublishFailed
from chassis.topology import (
    DOCUMENT_EXTRACTED,
    DOCUMENT_FAILED,
    DOCUMENT_PROGRESSED,
    DOCUMENT_RELEASED,
    JOBS_EXTRACT,
    PROGRESS,
    PROGRESS_FOLD,
)
from quire.batch.v1.document_pb2 import STAGE_EXTRACT, STAGE_PARSE, Stage, Usage
from quire.events.v1.progress_pb2 import (
    AttemptRef,
    DocumentExtracted,
    DocumentFailed,
    DocumentProgressed,
    DocumentReleased,
)
from quire.jobs.v1.jobs_pb2 import ExtractDocument
from quire.work.v1.work_service_pb2 import (
    CLAIM_VERDICT_RUN,
    AttachRequest,
    Beat,
    Claim,
    ClaimDocumentRequest,
    ClaimDocumentResponse,
    Hello,
    StopReason,
)
from tests.integration.batch.tenants import Door

BEAT_SECONDS = 0.5
AGAIN_SECONDS = 0.1
USAGE = Usage(input_tokens=10, output_tokens=3, cost_micros=7)


@dataclass
class Attempt:
    """A claim at work."""

    claim: Claim
    tell: Callable[[str, Message], Awaitable[None]]
    stopped: "asyncio.Future[StopReason.ValueType]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def ref(self) -> AttemptRef:
        claim = self.claim
        return AttemptRef(
            tenant_id=claim.tenant_id,
            batch_id=claim.batch_id,
            document_id=claim.document_id,
            attempt=claim.attempt,
            lease_token=claim.lease_token,
            retry_generation=claim.retry_generation,
        )

    async def progress(self, stage: Stage.ValueType = STAGE_PARSE, done: int = 0, total: int = 2) -> None:
        told = DocumentProgressed(ref=self.ref, stage=stage, pages_done=done, pages_total=total)
        await self.tell(DOCUMENT_PROGRESSED, told)

    async def extract(self, **changes: Any) -> None:
        fields: dict[str, Any] = {"result_key": self.claim.result_key, "pages": 2, "usage": USAGE, **changes}
        await self.tell(DOCUMENT_EXTRACTED, DocumentExtracted(ref=self.ref, **fields))

    async def fail(self, code: str = "FILE_CORRUPT", **changes: Any) -> None:
        fields: dict[str, Any] = {"message": "told by a script", "phase": STAGE_EXTRACT, "usage": USAGE, **changes}
        await self.tell(DOCUMENT_FAILED, DocumentFailed(ref=self.ref, code=code, **fields))

    async def release(self, code: str = "", seconds: float = 0.0) -> None:
        told = DocumentReleased(ref=self.ref, code=code)
        told.retry_after.FromMilliseconds(int(seconds * 1000))
        await self.tell(DOCUMENT_RELEASED, told)

    async def stop_asked(self, seconds: float = 10.0) -> StopReason.ValueType:
        """Return once the worker was told to stop this attempt."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self.stopped)


Script = Callable[[Attempt], Awaitable[None]]


async def succeed(attempt: Attempt) -> None:
    """What a healthy worker does."""
    await attempt.progress(STAGE_PARSE, 0, 2)
    await attempt.progress(STAGE_EXTRACT, 2, 2)
    await attempt.extract()


class Worker:
    """One worker process, as the batch service sees it."""

    def __init__(self, door: Door, script: Script, *, slots: int = 16, attached: bool = True) -> None:
        self.id = f"worker-{uuid.uuid4()}"
        self.attempts: list[Attempt] = []
        self.gone = 0
        self._door = door
        self._script = script
        self._slots = slots
        self._attached = attached
        self._beating = asyncio.Event()
        self._beating.set()
        self._held: dict[str, Attempt] = {}
        url = door.servers["QUIRE_AMQP_URL"]
        self._publisher = Publisher(url, self.id, JOBS_EXTRACT, PROGRESS_FOLD)
        self._consumer = Consumer(url, self.id, JOBS_EXTRACT, slots, self._on_delivery)
        self._line: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        if self._attached:
            self._line = asyncio.create_task(self._hold_line())
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self.break_line()
        await self._publisher.close()

    async def until(self, happened: Callable[[], bool], seconds: float = 20.0) -> None:
        """Return once something is true of the attempts this worker has made."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(happened)

    async def until_gone(self, jobs: int) -> None:
        """Return once so many jobs were answered GONE."""
        await self.until(lambda: self.gone >= jobs)

    async def break_line(self) -> None:
        """Break the line of life; it is not taken up again."""
        if self._line is not None:
            self._line.cancel()
            with suppress(asyncio.CancelledError):
                await self._line

    async def die(self) -> None:
        """Let go of everything at once, as a killed process does; its script goes on talking like a ghost."""
        await self.break_line()
        await self._consumer.stop()

    async def take_up_line_again(self) -> None:
        """Break the line and take it up at once, as after a network fault."""
        await self.break_line()
        self._line = asyncio.create_task(self._hold_line())

    def thaw(self) -> None:
        """Beat again."""
        self._beating.set()

    def freeze(self) -> None:
        """Stop beating while the line stands, as a stopped process does."""
        self._beating.clear()

    async def claim(self, job: ExtractDocument) -> ClaimDocumentResponse:
        asked = ClaimDocumentRequest(document_id=job.document_id, dispatch_id=job.dispatch_id, worker_id=self.id)
        while True:
            try:
                return await self._door.work.ClaimDocument(asked, metadata=self._door.worker)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def tell(self, kind: str, event: Message) -> None:
        """Publish until confirmed."""
        while True:
            try:
                await self._publisher.publish(PROGRESS, kind, event.SerializeToString())
            except PublishFailed:
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    async def tell_raw(self, kind: str, body: bytes) -> None:
        await self._publisher.publish(PROGRESS, kind, body)

    async def _on_delivery(self, message: AbstractIncomingMessage) -> None:
        answer = await self.claim(ExtractDocument.FromString(message.body))
        if answer.verdict == CLAIM_VERDICT_RUN:
            await self._run(Attempt(answer.claim, self.tell))
        else:
            async with self._news:
                self.gone += 1
                self._news.notify_all()
        with suppress(AMQPException, OSError, RuntimeError):
            await message.ack()

    async def _run(self, attempt: Attempt) -> None:
        self._held[attempt.claim.lease_token] = attempt
        async with self._news:
            self.attempts.append(attempt)
            self._news.notify_all()
        try:
            await self._script(attempt)
        finally:
            self._held.pop(attempt.claim.lease_token, None)

    async def _hold_line(self) -> None:
        while True:
            with suppress(grpc.aio.AioRpcError):
                async for answer in self._door.work.Attach(self._beats(), metadata=self._door.worker):
                    for stop in answer.stops:
                        self._stop(stop.lease_token, stop.reason)
            await asyncio.sleep(AGAIN_SECONDS)

    def _stop(self, token: str, reason: StopReason.ValueType) -> None:
        attempt = self._held.get(token)
        if attempt is not None and not attempt.stopped.done():
            attempt.stopped.set_result(reason)

    async def _beats(self) -> AsyncIterator[AttachRequest]:
        yield AttachRequest(hello=Hello(worker_id=self.id, slots=self._slots, engine="script"))
        while True:
            await self._beating.wait()
            yield AttachRequest(beat=Beat(lease_tokens=list(self._held), accepting=True))
            await asyncio.sleep(BEAT_SECONDS)
