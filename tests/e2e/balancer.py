"""A TCP balancer as a Service of Kubernetes is one: new connections go to who is ready, those that stand stay."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count

PROBE_SECONDS = 0.2
PATIENCE_SECONDS = 4.0
READY_SECONDS = 30.0
QUESTION = b"GET /readyz HTTP/1.1\r\nHost: balancer\r\nConnection: close\r\n\r\n"


class Balancer:
    """Asks each replica for /readyz and never tries a second one for a connection."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._ready: set[str] = set()
        self._turn = count()
        self._carrying: set[asyncio.Task[None]] = set()
        self.refused = 0
        """Connections that a replica refused which had said that it is ready."""
        self.url = ""

    async def probe(self, address: str) -> None:
        """Ask one replica for ever."""
        while True:
            if await _is_ready(address):
                self._ready.add(address)
            else:
                self._ready.discard(address)
            await asyncio.sleep(PROBE_SECONDS)

    async def until_all_ready(self) -> None:
        """Return once every replica may be sent to."""
        async with asyncio.timeout(READY_SECONDS):
            while len(self._ready) < len(self._addresses):  # noqa: ASYNC110 - other processes become ready
                await asyncio.sleep(PROBE_SECONDS)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, as long as this balancer lives."""
        carrying = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def close(self) -> None:
        """Carry nothing more."""
        for carrying in self._carrying:
            carrying.cancel()
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ready = sorted(self._ready)
        try:
            host, _, port = ready[next(self._turn) % len(ready)].rpartition(":")
            behind = await asyncio.open_connection(host, int(port))
        except (OSError, ZeroDivisionError):
            self.refused += 1
            writer.close()
            return
        sending = asyncio.create_task(_copy(reader, behind[1]))
        try:
            await _copy(behind[0], writer)  # a server that closes ends both ways
        finally:
            sending.cancel()
            behind[1].close()
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


async def _is_ready(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(QUESTION)
            status = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


@asynccontextmanager
async def balancing(addresses: Sequence[str]) -> AsyncGenerator[Balancer]:
    """Serve on a port of its own."""
    balancer = Balancer(addresses)
    server = await asyncio.start_server(balancer.accept, "127.0.0.1", 0)
    balancer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    probes = [asyncio.create_task(balancer.probe(address)) for address in addresses]
    try:
        await balancer.until_all_ready()
        yield balancer
    finally:
        for probe in probes:
            probe.cancel()
        server.close()
        await balancer.close()
