"""Streams that outlive the server they come from: each knows where to go on after a break."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import grpc

from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import StreamResultsRequest, WatchBatchRequest, WatchBatchResponse
from quire_client.channel import Caller
from quire_client.errors import CallError, Facts, UnavailableError
from quire_client.patience import Patience
from quire_client.results import Result, read_result
from quire_client.statuses import is_final

if TYPE_CHECKING:
    from quire.batch.v1.batch_service_pb2_grpc import BatchServiceAsyncStub

ReadBatch = Callable[[str], Awaitable[Batch]]


class Watch:
    """Snapshots of one batch until it is final, each at least once, versions never falling."""

    def __init__(
        self,
        caller: Caller,
        persist_for: float,
        stub: "BatchServiceAsyncStub",
        read: ReadBatch,
        request: WatchBatchRequest,
    ) -> None:
        self._caller = caller
        self._persist_for = persist_for
        self._stub = stub
        self._read = read
        self._request = request
        self._patience = Patience(caller.retry_for)
        self._latest = Batch(version=request.after_version)

    async def snapshots(self) -> AsyncIterator[WatchBatchResponse]:
        """Read, and go on from the last version when the server goes away."""
        while True:
            try:
                async with aclosing(self._caller.stream(self._stub.WatchBatch, self._request)) as answers:
                    async for answer in answers:
                        self._note(answer)
                        yield answer
                if await self._complete():
                    return
            except CallError as error:
                if not self._patience.allows(error):
                    raise
            await self._patience.pause()

    def _note(self, answer: WatchBatchResponse) -> None:
        self._patience = Patience(self._persist_for)
        if answer.HasField("batch"):  # else more documents of the same version are to come
            self._latest = answer.batch
            self._request.after_version = answer.batch.version

    async def _complete(self) -> bool:
        if is_final(self._latest):
            return True
        batch = await self._read(self._request.batch_id)
        if is_final(batch) and batch.version <= self._latest.version:
            return True
        raise UnavailableError(Facts(grpc.StatusCode.UNAVAILABLE, "", "the watch ended before the batch did"))


class Results:
    """The results of one batch in order, going on behind the last one after a break."""

    def __init__(self, caller: Caller, stub: "BatchServiceAsyncStub", request: StreamResultsRequest) -> None:
        self._caller = caller
        self._stub = stub
        self._request = request
        self._patience = Patience(caller.retry_for)

    async def read(self) -> AsyncIterator[Result]:
        """Read to the end of what there is now."""
        broken = True
        while broken:
            try:
                async with aclosing(self._caller.stream(self._stub.StreamResults, self._request)) as answers:
                    async for answer in answers:
                        self._patience.renew()
                        self._request.after_position = answer.result.position
                        yield read_result(answer.result)
                broken = False
            except CallError as error:
                if not self._patience.allows(error):
                    raise
                await self._patience.pause()
