"""Links between real sockets."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from tests.chaos.links import Link, Links

SECONDS = 20
GONE = (ConnectionResetError, BrokenPipeError)


@dataclass
class Echo:
    """Says again what it hears."""

    port: int = 0
    heard: int = 0
    lost: asyncio.Queue[None] = field(default_factory=asyncio.Queue[None])
    silent: bool = False
    """Takes connections and reads nothing."""
    _open: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.append(writer)
        if self.silent:
            return
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                self.heard += len(chunk)
                writer.write(chunk)
                await writer.drain()
        writer.close()
        self.lost.put_nowait(None)

    def hang_up(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def echo(*, silent: bool = False) -> AsyncGenerator[Echo]:
    door = Echo(silent=silent)
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    door.port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(SECONDS):
        yield door
    server.close()
    door.hang_up()


class Caller:
    """A client of a link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hears(self, said: bytes) -> bool:
        self.writer.write(said)
        return await self.reader.readexactly(len(said)) == said


@asynccontextmanager
async def caller(link: Link) -> AsyncGenerator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.transport.abort()


async def assert_resets(link: Link) -> None:
    """The reset may come before the client knows that it was connected."""
    with suppress(*GONE):
        async with caller(link) as one:
            assert await one.reader.read(1) == b"a reset"


async def test_a_link_carries_all_bytes_and_the_end_of_each_direction(links: Links) -> None:
    async with echo() as door, caller(links.add("a", door.port)) as one:
        said = os.urandom(3_000_000)
        heard = asyncio.ensure_future(one.reader.read(-1))
        one.writer.write(said)
        one.writer.write_eof()
        assert await heard == said


async def test_a_cut_link_resets_what_is_there_and_what_comes_until_it_is_open(links: Links) -> None:
    async with echo() as door:
        link = links.add("a", door.port)
        async with caller(link) as one:
            assert await one.hears(b"before")
            link.cut()
            with pytest.raises(GONE):
                await one.reader.readexactly(1)
        await door.lost.get()
        await assert_resets(link)
        link.open()
        async with caller(link) as three:
            assert await three.hears(b"after")
            assert link.connections == 1


async def test_a_reset_ends_only_what_was_there(links: Links) -> None:
    async with echo() as door:
        link = links.add("a", door.port)
        async with caller(link) as one:
            assert await one.hears(b"before")
            link.reset()
            with pytest.raises(GONE):
                await one.reader.readexactly(1)
        async with caller(link) as two:
            assert await two.hears(b"after")


async def test_a_black_hole_keeps_connections_and_bytes_until_it_opens(links: Links) -> None:
    async with echo() as door:
        link, other = links.add("a", door.port), links.add("b", door.port)
        async with caller(link) as old, caller(other) as control:
            assert await old.hears(b"before")
            link.black_hole()
            async with caller(link) as new:
                old.writer.write(b"held")
                new.writer.write(b"new!")
                assert await control.hears(b"carried meanwhile")
                assert door.heard == len(b"before") + len(b"carried meanwhile")
                link.open()
                assert await old.reader.readexactly(4) == b"held"
                assert await new.reader.readexactly(4) == b"new!"


async def test_a_peer_that_gave_up_in_a_black_hole_is_told_of_when_it_opens(links: Links) -> None:
    async with echo() as door:
        link = links.add("a", door.port)
        async with caller(link) as one:
            assert await one.hears(b"before")
            link.black_hole()
        assert door.lost.empty()
        link.open()
        await door.lost.get()


async def test_a_slow_link_carries_bit_by_bit_and_the_rest_at_once_when_it_opens(links: Links) -> None:
    async with echo() as door:
        link = links.add("a", door.port)
        async with caller(link) as one:
            link.slow(10_000, 0.05)
            said = os.urandom(500_000)
            one.writer.write(said)
            first = await one.reader.read(65_536)
            assert door.heard < len(said)
            link.open()
            assert first + await one.reader.readexactly(len(said) - len(first)) == said


async def test_a_link_takes_no_more_than_its_other_end(links: Links) -> None:
    async with echo(silent=True) as silent, echo() as door:
        link, other = links.add("a", silent.port), links.add("b", door.port)
        async with caller(link) as one, caller(other) as control:
            one.writer.transport.set_write_buffer_limits(high=0)
            taken, chunk = 0, bytes(1_000_000)
            while taken < 100 and not one.writer.transport.get_write_buffer_size():
                one.writer.write(chunk)
                taken += 1
                assert await control.hears(b"time to carry it")
            assert taken < 100


async def test_a_server_that_is_away_resets_the_caller(links: Links) -> None:
    async with echo() as door:
        gone = door.port
    await assert_resets(links.add("a", gone))
