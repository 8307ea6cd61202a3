"""A link between two processes that can be cut."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse


@dataclass(eq=False)
class Link:
    """Forwards bytes to a target; `cut` drops every connection, new ones work again."""

    host: str
    port: int
    connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarding = asyncio.current_task()
        assert forwarding is not None
        self.connections.add(forwarding)
        onward_reader, onward = await asyncio.open_connection(self.host, self.port)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await asyncio.gather(_pump(reader, onward), _pump(onward_reader, writer))
        finally:
            self.connections.discard(forwarding)
            for end in (writer, onward):
                end.transport.abort()

    async def cut(self) -> None:
        cut = set(self.connections)
        for connection in cut:
            connection.cancel()
        if cut:
            await asyncio.wait(cut)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError


@asynccontextmanager
async def link_to(host: str, port: int) -> AsyncGenerator[tuple[Link, int]]:
    """Yields the link and the port it listens on."""
    link = Link(host, port)
    server = await asyncio.start_server(link.forward, "127.0.0.1", 0)
    try:
        yield link, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await link.cut()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def health_of(address: str) -> HealthCheckResponse.ServingStatus.ValueType:
    async with grpc.aio.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        answer: HealthCheckResponse = await check(HealthCheckRequest(), timeout=5, wait_for_ready=True)
        return answer.status
