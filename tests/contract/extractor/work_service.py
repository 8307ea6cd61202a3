"""A batch service as workers see it, on a real port: claims by script, stops on demand, everything heard kept."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from typing_extensions import override

from quire.work.v1 import work_service_pb2 as work
from quire.work.v1.work_service_pb2_grpc import WorkServiceServicer, add_WorkServiceServicer_to_server

OPTIONS = (("grpc.http2.min_ping_interval_without_data_ms", 10_000), ("grpc.so_reuseport", 0))


@dataclass(eq=False)
class FakeWorkService(WorkServiceServicer):
    claims: dict[str, work.Claim] = field(default_factory=dict[str, work.Claim])
    """By dispatch id; others are GONE."""
    claim_faults: list[grpc.StatusCode] = field(default_factory=list[grpc.StatusCode])
    """Answered before any claim is."""
    proposal_fault: grpc.StatusCode | None = None
    kept_schemas: dict[str, str] = field(default_factory=dict[str, str])
    hellos: list[work.Hello] = field(default_factory=list[work.Hello])
    beats: list[work.Beat] = field(default_factory=list[work.Beat])
    claimed: list[str] = field(default_factory=list[str])
    proposals: list[str] = field(default_factory=list[str])
    tokens: list[str] = field(default_factory=list[str])
    streams: set[asyncio.Queue[work.AttachResponse | None]] = field(
        default_factory=set[asyncio.Queue[work.AttachResponse | None]]
    )
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @override
    async def Attach(self, request_iterator: Any, context: Any) -> AsyncIterator[work.AttachResponse]:
        down: asyncio.Queue[work.AttachResponse | None] = asyncio.Queue()
        listening = asyncio.create_task(self._listen(request_iterator))
        self.streams.add(down)
        try:
            while (response := await down.get()) is not None:
                yield response
        finally:
            self.streams.discard(down)
            listening.cancel()

    async def _listen(self, requests: AsyncIterator[work.AttachRequest]) -> None:
        async for request in requests:
            if request.HasField("hello"):
                self.hellos.append(request.hello)
            else:
                self.beats.append(request.beat)
            await self.tell()

    @override
    async def ClaimDocument(self, request: work.ClaimDocumentRequest, context: Any) -> work.ClaimDocumentResponse:
        self.tokens.extend(str(value) for key, value in context.invocation_metadata() if key == "x-quire-service")
        if self.claim_faults:
            await context.abort(self.claim_faults.pop(0), "as scripted")
        self.claimed.append(request.dispatch_id)
        await self.tell()
        claim = self.claims.get(request.dispatch_id)
        if claim is None:
            return work.ClaimDocumentResponse(verdict=work.CLAIM_VERDICT_GONE)
        return work.ClaimDocumentResponse(verdict=work.CLAIM_VERDICT_RUN, claim=claim)

    @override
    async def ProposeSchema(self, request: work.ProposeSchemaRequest, context: Any) -> work.ProposeSchemaResponse:
        self.proposals.append(request.output_schema)
        if self.proposal_fault is not None:
            await context.abort(self.proposal_fault, "as scripted")
        kept = self.kept_schemas.setdefault(request.batch_id, request.output_schema)
        return work.ProposeSchemaResponse(output_schema=kept)

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(holds)

    def stop(self, token: str, reason: work.StopReason.ValueType) -> None:
        for down in self.streams:
            down.put_nowait(work.AttachResponse(stops=[work.Stop(lease_token=token, reason=reason)]))

    def break_streams(self) -> None:
        for down in self.streams:
            down.put_nowait(None)


@asynccontextmanager
async def serving(service: FakeWorkService, address: str = "127.0.0.1:0") -> AsyncGenerator[str]:
    """Serve it; yields its address."""
    server = grpc.aio.server(options=OPTIONS)
    add_WorkServiceServicer_to_server(service, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        service.break_streams()
        await server.stop(0)
