"""A link to the broker that can be told to keep things to itself, frame by frame."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

METHOD = 1
CONFIRM = (60, 80)
"""Basic.Ack, as the broker sends it."""
_HEAD = struct.Struct(">BHI")


def blocked() -> bytes:
    """Connection.Blocked for want of disk."""
    reason = b"low on disk"
    return _frame(struct.pack(">HHB", 10, 60, len(reason)) + reason)


def unblocked() -> bytes:
    """Connection.Unblocked."""
    return _frame(struct.pack(">HH", 10, 61))


def _frame(payload: bytes) -> bytes:
    return _HEAD.pack(METHOD, 0, len(payload)) + payload + b"\xce"


@dataclass(eq=False)
class Link:
    """Passes frames on, but for those withheld."""

    host: str
    port: int
    withheld: Callable[[int, bytes], bool] = lambda _kind, _payload: False
    opened: int = 0
    _clients: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])
    _running: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def withhold_confirms(self) -> None:
        """Publishes arrive and are never answered, as those to a queue without a leader."""
        self.withheld = lambda kind, payload: kind == METHOD and struct.unpack(">HH", payload[:4]) == CONFIRM

    def withhold_everything(self) -> None:
        """The broker's side is silent, heartbeats and all."""
        self.withheld = lambda _kind, _payload: True

    def withhold_nothing(self) -> None:
        self.withheld = lambda _kind, _payload: False

    def say(self, frame: bytes) -> None:
        """Tell every client something in the broker's name."""
        for client in self._clients:
            client.write(frame)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarding = asyncio.current_task()
        assert forwarding is not None
        self._running.add(forwarding)
        self.opened += 1
        self._clients.append(writer)
        onward_reader, onward = await asyncio.open_connection(self.host, self.port)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pump(reader, onward))
                    group.create_task(self._pump_frames(onward_reader, writer))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._clients.remove(writer)
            self._running.discard(forwarding)
            for end in (writer, onward):
                end.transport.abort()

    async def _pump_frames(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(_HEAD.size)
            kind, _, size = _HEAD.unpack(head)
            rest = await reader.readexactly(size + 1)
            if not self.withheld(kind, rest[:-1]):
                writer.write(head + rest)
                await writer.drain()

    async def cut(self) -> None:
        for running in set(self._running):
            running.cancel()
        if self._running:
            await asyncio.wait(self._running)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError


@asynccontextmanager
async def link_to(url: str) -> AsyncGenerator[tuple[Link, str]]:
    """A link to a broker, and the address under which it can be used."""
    parts = urlsplit(url)
    link = Link(parts.hostname or "", parts.port or 5672)
    server = await asyncio.start_server(link.forward, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    credentials = parts.netloc.rpartition("@")[0]
    try:
        yield link, urlunsplit(parts._replace(netloc=f"{credentials}@127.0.0.1:{port}"))
    finally:
        server.close()
        await link.cut()
