"""A model provider that speaks the OpenAI protocol on a real port and does what the script says, good or bad."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """One request of a client."""

    path: str
    body: dict[str, Any]


@dataclass(eq=False)
class ModelDoor:
    """Takes calls on connections that stay; what is answered is a matter of `call`."""

    connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self.connections.add(serving)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self.call(await _read_call(reader), reader, writer)
        finally:
            self.connections.discard(serving)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def call(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, or raise ConnectionResetError when the client hung up before that was done."""
        raise NotImplementedError

    async def close(self) -> None:
        """Leave every client."""
        for connection in self.connections:
            connection.cancel()
        if self.connections:
            await asyncio.wait(self.connections)


@dataclass(eq=False)
class ScriptedModel(ModelDoor):
    """Each call is answered by the next behaviour; the last one stays."""

    script: list[Behaviour] = field(default_factory=list[Behaviour])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    aborted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client hung up before its answer was complete."""
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(call.body)
        self.called.set()
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        try:
            await behave(behaviour, reader, writer)
        except HungUp:
            self.aborted.set()
            raise


class HungUp(ConnectionResetError):
    """The client left before its answer was complete."""


async def behave(behaviour: Behaviour, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer that way; raises HungUp."""
    answering = asyncio.ensure_future(behaviour(writer))
    hung_up = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([answering, hung_up], return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise HungUp
        await answering
    except RuntimeError as error:
        if writer.is_closing():  # so uvloop says that there is nobody to write to
            raise HungUp from error
        raise
    finally:
        answering.cancel()
        hung_up.cancel()
        await asyncio.wait([answering, hung_up])


async def _read_call(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
    return Call(head.split(" ", 2)[1], json.loads(await reader.readexactly(length)))


@asynccontextmanager
async def model_server(*script: Behaviour) -> AsyncGenerator[tuple[ScriptedModel, str]]:
    """Serve a script; yields the model and its base URL."""
    model = ScriptedModel(script=list(script))
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    try:
        yield model, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await model.close()


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


def drips(seconds: float = 0.05) -> Behaviour:
    """One byte now and then, for ever."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(seconds)

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
