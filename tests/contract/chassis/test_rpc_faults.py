"""The interceptor on a real server."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest

from chassis.errors import CallReason, from_rpc_error, unauthenticated
from chassis.rpc_faults import FaultInterceptor

METHOD = "/tests.Counting/Count"


class Guard:
    """Lets in as often as it is told, then no more."""

    def __init__(self, looks_good: int) -> None:
        self.looks_good, self.looks = looks_good, 0

    async def enter(self, _: str, __: object) -> None:
        self.looks += 1
        if self.looks > self.looks_good:
            raise unauthenticated("the key was revoked")


async def count(_: bytes, __: object) -> AsyncIterator[bytes]:
    for number in range(100):
        yield b"%d" % number


@asynccontextmanager
async def running_server(guard: Guard, admitted_seconds: float) -> AsyncGenerator[grpc.aio.Channel]:
    server = grpc.aio.server(
        interceptors=[FaultInterceptor(guard.enter, lambda _: None, admitted_seconds=admitted_seconds)]
    )
    handlers: dict[str, Any] = {"Count": grpc.unary_stream_rpc_method_handler(count)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tests.Counting", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


async def read_all(channel: grpc.aio.Channel) -> list[bytes]:
    call = cast("Any", channel).unary_stream(METHOD)
    return [answer async for answer in call(b"")]


async def test_a_stream_ends_when_its_credential_is_revoked_meanwhile() -> None:
    guard = Guard(looks_good=3)
    async with running_server(guard, admitted_seconds=0) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_all(channel)
    assert from_rpc_error(caught.value).reason == CallReason.UNAUTHENTICATED
    assert guard.looks == 4


async def test_a_stream_is_admitted_once_for_a_while() -> None:
    guard = Guard(looks_good=1)
    async with running_server(guard, admitted_seconds=60) as channel:
        assert len(await read_all(channel)) == 100
