# ruff: noqa: N802 - gRPC names its methods
"""A small Quire on a real port: keeps what it is told, answers what a test wants, goes away on request."""

import asyncio
import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from chassis.errors import STATUS_DETAILS_KEY, CallError, not_found, to_status, unauthenticated
from quire.batch.v1 import batch_pb2, document_pb2, limits_pb2
from quire.batch.v1 import batch_service_pb2 as calls
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceServicer, add_BatchServiceServicer_to_server
from quire.upload.v1 import upload_service_pb2 as uploads
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceServicer, add_UploadServiceServicer_to_server
from quire_client import QuireClient
from tests.contract.quire_client.fake_control import FakeControl

KEY = "quire_test_key"
Answer = TypeVar("Answer", bound=Message)


class FakeQuire(FakeControl, BatchServiceServicer, UploadServiceServicer):
    def __init__(self) -> None:
        self.batches: dict[str, batch_pb2.Batch] = {}
        self.documents: dict[str, list[document_pb2.Document]] = defaultdict(list)
        self.contents: dict[str, bytes] = {}
        self.answers: dict[str, Message] = {}
        self.asked: list[Any] = []
        self.failing: dict[str, list[CallError]] = defaultdict(list)
        self.losing_answers: set[str] = set()
        self.snapshots: dict[str, list[calls.WatchBatchResponse]] = defaultdict(list)
        self.more = asyncio.Event()
        self.results: list[document_pb2.DocumentResult] = []
        self.results_before_break = 0
        self.final_when_sealed: batch_pb2.BatchStatus.ValueType | None = None
        self._server: grpc.aio.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        add_BatchServiceServicer_to_server(self, server)
        add_UploadServiceServicer_to_server(self, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        await server.start()
        self._server = server

    async def stop(self) -> None:
        if self._server:
            await self._server.stop(None)
        self._server = None

    def of_type(self, kind: type[Answer]) -> list[Answer]:
        return [request for request in self.asked if isinstance(request, kind)]

    async def enter(self, request: Message, context: Any) -> None:
        self.asked.append(request)
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {KEY}":
            await refuse(context, unauthenticated("the API key is not valid"))
        if self.failing[type(request).__name__]:
            await refuse(context, self.failing[type(request).__name__].pop(0))

    async def _once(self, request: Any, answer: Answer, context: Any) -> Answer:
        kept = cast("Answer", self.answers.setdefault(request.request_id, answer))
        if type(request).__name__ in self.losing_answers:
            self.losing_answers.discard(type(request).__name__)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection broke after the commit")
        return kept

    async def batch(self, batch_id: str, context: Any) -> batch_pb2.Batch:
        if batch_id not in self.batches:
            await refuse(context, not_found("batch", batch_id))
        return self.batches[batch_id]

    async def CreateBatch(self, request: calls.CreateBatchRequest, context: Any) -> calls.CreateBatchResponse:
        await self.enter(request, context)
        if request.request_id not in self.answers:
            batch = batch_pb2.Batch(
                id=str(uuid4()),
                name=request.name,
                extraction_prompt=request.extraction_prompt,
                status=batch_pb2.BATCH_STATUS_PENDING,
            )
            self.batches[batch.id] = batch
            self.answers[request.request_id] = calls.CreateBatchResponse(batch=batch)
        return await self._once(request, calls.CreateBatchResponse(), context)

    async def AddDocuments(self, request: calls.AddDocumentsRequest, context: Any) -> calls.AddDocumentsResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        if request.request_id not in self.answers:
            added = [self._announced(request.batch_id, one) for one in request.documents]
            batch.counters.total = len(self.documents[batch.id])
            self.answers[request.request_id] = calls.AddDocumentsResponse(documents=added, batch=batch)
        return await self._once(request, calls.AddDocumentsResponse(), context)

    def _announced(self, batch_id: str, announced: calls.DocumentAnnouncement) -> document_pb2.Document:
        documents = self.documents[batch_id]
        document = document_pb2.Document(
            id=str(uuid4()),
            batch_id=batch_id,
            position=len(documents) + 1,
            name=announced.name,
            size_bytes=announced.size_bytes,
            status=document_pb2.DOCUMENT_STATUS_PENDING_UPLOAD,
        )
        documents.append(document)
        return document

    async def UploadDocument(
        self, request_iterator: AsyncIterator[uploads.UploadDocumentRequest], context: Any
    ) -> uploads.UploadDocumentResponse:
        requests = aiter(request_iterator)
        header = (await anext(requests)).header
        await self.enter(header, context)
        content = b"".join([request.chunk async for request in requests])
        assert hashlib.sha256(content).hexdigest() == header.sha256
        self.contents[header.document_id] = content
        document = next(one for one in self.documents[header.batch_id] if one.id == header.document_id)
        document.status = document_pb2.DOCUMENT_STATUS_UPLOADED
        return uploads.UploadDocumentResponse(document=document)

    async def SealBatch(self, request: calls.SealBatchRequest, context: Any) -> calls.SealBatchResponse:
        await self.enter(request, context)
        batch = await self.batch(request.batch_id, context)
        batch.status = batch_pb2.BATCH_STATUS_QUEUED
        if self.final_when_sealed:
            final = batch_pb2.Batch(id=batch.id, version=5, status=self.final_when_sealed)
            self.snapshots[batch.id].append(calls.WatchBatchResponse(batch=final))
        return await self._once(request, calls.SealBatchResponse(batch=batch), context)

    async def GetBatch(self, request: calls.GetBatchRequest, context: Any) -> calls.GetBatchResponse:
        await self.enter(request, context)
        return calls.GetBatchResponse(batch=await self.batch(request.batch_id, context))

    async def ListBatches(self, request: calls.ListBatchesRequest, context: Any) -> calls.ListBatchesResponse:
        await self.enter(request, context)
        page, token = page_of(list(reversed(self.batches.values())), request)
        return calls.ListBatchesResponse(batches=page, next_page_token=token)

    async def ListDocuments(self, request: calls.ListDocumentsRequest, context: Any) -> calls.ListDocumentsResponse:
        await self.enter(request, context)
        await self.batch(request.batch_id, context)
        codes = request.error_codes
        wanted = [one for one in self.documents[request.batch_id] if not codes or one.error.code in codes]
        page, token = page_of(wanted, request)
        return calls.ListDocumentsResponse(documents=page, next_page_token=token)

    async def WatchBatch(
        self, request: calls.WatchBatchRequest, context: Any
    ) -> AsyncIterator[calls.WatchBatchResponse]:
        await self.enter(calls.WatchBatchRequest.FromString(request.SerializeToString()), context)
        await self.batch(request.batch_id, context)
        for snapshot in self.snapshots[request.batch_id]:
            version = snapshot.batch.version
            if version > request.after_version or not version:
                yield snapshot
                if version and not version % 10:
                    await self.more.wait()

    async def StreamResults(
        self, request: calls.StreamResultsRequest, context: Any
    ) -> AsyncIterator[calls.StreamResultsResponse]:
        await self.enter(calls.StreamResultsRequest.FromString(request.SerializeToString()), context)
        await self.batch(request.batch_id, context)
        for result in self.results:
            if result.position <= request.after_position or (result.error.code and not request.include_errors):
                continue
            yield calls.StreamResultsResponse(result=result)
            if result.position == self.results_before_break:
                self.results_before_break = 0
                await context.abort(grpc.StatusCode.UNAVAILABLE, "going away")

    async def GetLimits(self, request: calls.GetLimitsRequest, context: Any) -> calls.GetLimitsResponse:
        await self.enter(request, context)
        limits = limits_pb2.Limits(tier=batch_pb2.TIER_PLUS, batch_upload=True, bytes_per_document=20 << 20)
        return calls.GetLimitsResponse(limits=limits, usage=limits_pb2.LimitUsage(open_batches=2))

    async def GetUsage(self, request: calls.GetUsageRequest, context: Any) -> calls.GetUsageResponse:
        await self.enter(request, context)
        month = limits_pb2.MonthlyUsage(month="2026-11-01", documents=70, pages=90, cost_micros=1_250_000)
        return calls.GetUsageResponse(months=[month] * (request.months or 12))


async def refuse(context: Any, error: CallError) -> None:
    await context.abort(error.code, error.message, ((STATUS_DETAILS_KEY, to_status(error).SerializeToString()),))


def page_of(everything: Sequence[Answer], request: Any) -> tuple[Sequence[Answer], str]:
    start = int(request.page_token or 0)
    end = start + request.page_size
    return everything[start:end], str(end) if end < len(everything) else ""


@dataclass(frozen=True)
class Ended:
    code: int | None
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
Run = Callable[..., Awaitable[Ended]]


@pytest.fixture
async def server() -> AsyncIterator[FakeQuire]:
    make = cast("Any", FakeQuire)  # calls the fake leaves out answer UNIMPLEMENTED
    fake: FakeQuire = make()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def quire(server: FakeQuire) -> AsyncIterator[QuireClient]:
    async with QuireClient(server.address, KEY, server.address, retry_for=2, persist_for=20) as client:
        yield client


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    folder = tmp_path / "pile"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("b.txt", "a.txt", "more/c.txt", ".secret", ".hidden/d.txt"):
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture
def extracted() -> bytes:
    fields = [
        {"path": "total", "value": 12.5, "quote": "Total 12.50", "page": 1, "grounded": True, "confidence": 0.95},
        {"path": "note", "value": "=1+1", "quote": None, "page": None, "grounded": False, "confidence": 0.0},
    ]
    return json.dumps(
        {
            "schema_version": 1,
            "document": {"pages": 1, "media_type": "text/plain"},
            "values": {"total": 12.5, "note": "=1+1", "items": [{"a": 1}]},
            "fields": fields,
            "warnings": ["UNGROUNDED_VALUES"],
            "engine": {"name": "builtin", "model": ""},
            "usage": {"input_tokens": 1, "output_tokens": 2, "cost_micros": 0},
        }
    ).encode()


@pytest.fixture
def environment(server: FakeQuire) -> dict[str, str]:
    return {"QUIRE_ENDPOINT": server.address, "QUIRE_UPLOAD_ENDPOINT": server.address, "QUIRE_API_KEY": KEY}


@pytest.fixture
def start(environment: dict[str, str]) -> Start:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("QUIRE_")} | environment

    async def start_one(*arguments: object, **told: str) -> asyncio.subprocess.Process:
        words = (sys.executable, "-m", "quire_client.command", *map(str, arguments))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*words, env=mine | told, stdout=pipe, stderr=pipe)

    return start_one


@pytest.fixture
def run(start: Start) -> Run:
    async def run_to_end(*arguments: object, **told: str) -> Ended:
        process = await start(*arguments, **told)
        out, err = await process.communicate()
        return Ended(process.returncode, out.decode(), err.decode())

    return run_to_end
