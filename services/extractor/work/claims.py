"""Claims and schema proposals: what a worker asks of the batch service."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import grpc

from chassis.failures import FailureCode
from chassis.logs import get_logger
from extractor.domain.extraction import DocumentFault
from extractor.domain.outcome import Gone, Unreadable, Untouched
from extractor.work.backoff import backoff
from extractor.work.job import Job
from extractor.work.lifeline import Metadata
from quire.work.v1 import work_service_pb2 as work
from quire.work.v1.work_service_pb2_grpc import WorkServiceStub

log = get_logger()

CALL_DEADLINE = 5.0
FIRST_DELAY = 0.1
LONGEST_DELAY = 5.0
# A document left unclaimed is dispatched anew from its row: a delivery given up after this long loses no document.
CLAIM_PATIENCE = 300.0
_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)

T = TypeVar("T")


class Claims:
    """Calls to WorkService, asked again for as long as an answer may still come."""

    def __init__(self, channel: grpc.aio.Channel, credentials: Metadata, worker_id: str) -> None:
        self._stub = WorkServiceStub(channel)
        self._credentials = credentials
        self._worker_id = worker_id
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Wait for no more answers."""
        self._draining.set()

    async def claim(self, job: Job) -> work.Claim | Gone | Unreadable | Untouched:
        """Claim the job's document. Asking again is safe: the same worker gets the same answer."""
        request = work.ClaimDocumentRequest(
            document_id=job.document_id, dispatch_id=job.dispatch_id, worker_id=self._worker_id
        )
        try:
            async with asyncio.timeout(CLAIM_PATIENCE):
                return _read(await self._insist(lambda: self._claim(request)))
        except grpc.aio.AioRpcError as error:
            return Unreadable(f"the batch service does not take it: {error.code().name}")
        except TimeoutError:
            return Gone()

    async def propose_schema(self, batch_id: str, lease_token: str, schema: str) -> str:
        """Offer a derived schema; answers the one that is kept.

        Raises:
            DocumentFault: the schema is not taken, or the lease is gone.
        """
        request = work.ProposeSchemaRequest(batch_id=batch_id, lease_token=lease_token, output_schema=schema)
        try:
            return (await self._insist(lambda: self._propose(request))).output_schema
        except grpc.aio.AioRpcError as error:
            raise _refused_schema(error.code()) from error

    async def _claim(self, request: work.ClaimDocumentRequest) -> work.ClaimDocumentResponse | None:
        """None when the worker drains; a call that is out is waited for, as it may have consumed the dispatch."""
        if self._draining.is_set():
            return None
        return await self._stub.ClaimDocument(request, timeout=CALL_DEADLINE, metadata=self._credentials)

    async def _propose(self, request: work.ProposeSchemaRequest) -> work.ProposeSchemaResponse:
        return await self._stub.ProposeSchema(request, timeout=CALL_DEADLINE, metadata=self._credentials)

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        delays = backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                if error.code() in _HOPELESS:
                    raise
                delay = next(delays)
                log.warning("work_call_failed", code=error.code().name, retry_in=round(delay, 2))
            await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        """Wait; the start of a drain ends the wait."""
        if self._draining.is_set():
            await asyncio.sleep(min(seconds, 1.0))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()


def _refused_schema(code: grpc.StatusCode) -> DocumentFault:
    if code is grpc.StatusCode.NOT_FOUND:
        return DocumentFault(FailureCode.WORKER_LOST, "the lease was lost before the schema was proposed")
    return DocumentFault(FailureCode.OUTPUT_SCHEMA_INVALID, "the schema derived from the instruction cannot be used")


def _read(response: work.ClaimDocumentResponse | None) -> work.Claim | Gone | Untouched:
    if response is None:
        return Untouched()
    return response.claim if response.verdict == work.CLAIM_VERDICT_RUN else Gone()
