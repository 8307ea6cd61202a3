"""A model provider that speaks the OpenAI protocol on a real port and does what the script says, good or bad."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(eq=False)
class ScriptedModel:
    """Each call is answered by the next behaviour; the last one stays."""

    script: list[Behaviour]
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client hung up before its answer was complete."""
    called: asyncio.Event = field(default_factory=asyncio.Event)

    connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self.connections.add(serving)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self._call(reader, writer)
        finally:
            self.connections.discard(serving)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        self.requests.append(json.loads(await reader.readexactly(length)))
        self.called.set()
        await self._behave(reader, writer)

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        answering = asyncio.ensure_future(behaviour(writer))
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([answering, hung_up], return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.aborted.set()
                raise ConnectionResetError
            await answering
        finally:
            answering.cancel()
            hung_up.cancel()
            await asyncio.wait([answering, hung_up])


@asynccontextmanager
async def model_server(*script: Behaviour) -> AsyncGenerator[tuple[ScriptedModel, str]]:
    """Serve a script; yields the model and its base URL."""
    model = ScriptedModel(list(script))
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    try:
        yield model, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for connection in model.connections:
            connection.cancel()
        if model.connections:
            await asyncio.wait(model.connections)


def completion(
    content: str | None, finish: str = "stop", *, refusal: str | None = None, usage: Any = (100, 20)
) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, "refusal": refusal},
            }
        ],
        "usage": usage and {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)},
    }


def answers(
    content: str | None, finish: str = "stop", *, refusal: str | None = None, usage: Any = (100, 20)
) -> Behaviour:
    return responds(200, json.dumps(completion(content, finish, refusal=refusal, usage=usage)).encode())


def extracts(values: Any, citations: Any = ()) -> Behaviour:
    return answers(json.dumps({"values": values, "citations": list(citations)}))


def refuses(status: int, code: str | None = None, **headers: str) -> Behaviour:
    body = {"error": {"message": "the document says: CANARY", "type": code, "code": code, "param": None}}
    return responds(status, json.dumps(body).encode(), **headers)


def responds(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Behaviour:
    named = {"content-type": content_type} | {key.replace("_", "-"): value for key, value in headers.items()}
    lines = "".join(f"{key}: {value}\r\n" for key, value in named.items())
    head = f"HTTP/1.1 {status} Scripted\r\n{lines}content-length: {len(body)}\r\n\r\n".encode()

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head + body)
        await writer.drain()

    return behave


def hangs() -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return behave


def drips() -> Behaviour:
    """One byte now and then, for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    return behave


def delayed(seconds: float, then: Behaviour) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await then(writer)

    return behave


def cuts_off() -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"id": "c1", '
        )
        await writer.drain()
        writer.close()

    return behave
