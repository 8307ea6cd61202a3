"""A hundred calls a second, by every door, made once each: what fails is written down."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import httpx2

from chassis.rpc_client import open_channel
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    CreateBatchRequest,
    DocumentAnnouncement,
    GetBatchRequest,
    ListBatchesRequest,
)
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.batch.v1.document_pb2 import Document
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadHeader
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceStub
from tests.e2e.grpc_stubs import Key
from tests.e2e.held_model import invoice

if TYPE_CHECKING:  # these exist for type checkers alone
    from quire.batch.v1.batch_service_pb2_grpc import BatchServiceAsyncStub
    from quire.upload.v1.upload_service_pb2_grpc import UploadServiceAsyncStub

CALLS_A_SECOND = 100
CALL_SECONDS = 15.0
AT_ONCE = 24
"""Calls under way before the next one waits for a place: a machine too slow for the pace is not overrun."""
BODY = invoice(1)
# Of fifty. More creates than two a second would be more than any tier may.
SHARES = {
    "get by gRPC": 18,
    "list by gRPC": 4,
    "get by HTTP": 12,
    "create by gRPC": 1,
    "announce by gRPC": 5,
    "upload by gRPC": 5,
    "upload by HTTP": 5,
}


@dataclass
class Load:
    """The calls, and what became of them."""

    batches: "BatchServiceAsyncStub"
    uploads: "UploadServiceAsyncStub"
    http: httpx2.AsyncClient
    key: Key
    made: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    _drafts: list[str] = field(default_factory=list[str])
    _announced: deque[Document] = field(default_factory=deque[Document])

    async def run(self) -> None:
        """Make calls at a steady pace until cancelled, then wait for those under way."""
        calls = self._calls()
        turns = random.Random(4711).sample([*SHARES], sum(SHARES.values()), counts=[*SHARES.values()])
        await self._create()
        places, clock = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time
        due, number = clock(), 0
        async with asyncio.TaskGroup() as under_way:
            while not self._stopped.is_set():
                await places.acquire()
                name = turns[number % len(turns)]
                under_way.create_task(self._note(name, calls[name])).add_done_callback(lambda _: places.release())
                number, due = number + 1, due + 1 / CALLS_A_SECOND
                await asyncio.sleep(max(0.0, due - clock()))

    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Begin no more calls."""
        self._stopped.set()

    def _calls(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {
            "get by gRPC": self._get,
            "list by gRPC": self._list,
            "get by HTTP": self._get_by_http,
            "create by gRPC": self._create,
            "announce by gRPC": self._announce,
            "upload by gRPC": self._upload,
            "upload by HTTP": self._upload_by_http,
        }

    async def _note(self, name: str, call: Callable[[], Awaitable[None]]) -> None:
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            self.failures.append(f"{name}: {error.code().name} {error.details()}")
        except (httpx2.HTTPError, AssertionError) as error:
            self.failures.append(f"{name}: {error!r}")
        else:
            self.made[name] += 1

    async def _create(self) -> None:
        request = CreateBatchRequest(request_id=str(uuid4()), extraction_prompt="invoice number", name="Draft")
        answer = await self.batches.CreateBatch(request, metadata=self.key, timeout=CALL_SECONDS)
        self._drafts.append(answer.batch.id)

    async def _get(self) -> None:
        request = GetBatchRequest(batch_id=random.choice(self._drafts))
        await self.batches.GetBatch(request, metadata=self.key, timeout=CALL_SECONDS)

    async def _list(self) -> None:
        await self.batches.ListBatches(ListBatchesRequest(page_size=5), metadata=self.key, timeout=CALL_SECONDS)

    async def _get_by_http(self) -> None:
        answer = await self.http.get(f"/v1/batches/{random.choice(self._drafts)}")
        assert answer.status_code == 200, answer.text

    async def _announce(self) -> None:
        documents = [DocumentAnnouncement(name=f"{uuid4()}.txt", size_bytes=len(BODY)) for _ in range(2)]
        request = AddDocumentsRequest(request_id=str(uuid4()), batch_id=self._drafts[-1], documents=documents)
        answer = await self.batches.AddDocuments(request, metadata=self.key, timeout=CALL_SECONDS)
        self._announced.extend(answer.documents)

    async def _upload(self) -> None:
        one = await self._next_announced()
        header = UploadHeader(batch_id=one.batch_id, document_id=one.id, size_bytes=len(BODY))
        parts = [UploadDocumentRequest(header=header), UploadDocumentRequest(chunk=BODY)]
        await self.uploads.UploadDocument(iter(parts), metadata=self.key, timeout=CALL_SECONDS)

    async def _upload_by_http(self) -> None:
        one = await self._next_announced()
        answer = await self.http.put(f"/v1/batches/{one.batch_id}/documents/{one.id}/content", content=BODY)
        assert answer.status_code == 200, answer.text

    async def _next_announced(self) -> Document:
        while not self._announced:
            await self._announce()
        return self._announced.popleft()


@asynccontextmanager
async def steady_load(
    batch_address: str, upload_address: str, http: httpx2.AsyncClient, key: Key
) -> AsyncGenerator[Load]:
    """Calls by the channels of the product, and by a plain HTTP client that tries nothing again."""
    async with open_channel(batch_address) as batches, open_channel(upload_address) as uploads:
        load = Load(BatchServiceStub(batches), UploadServiceStub(uploads), http, key)
        running = asyncio.create_task(load.run())
        try:
            yield load
        finally:
            load.stop()
            await running
