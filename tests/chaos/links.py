"""TCP links on 127.0.0.1 that can be cut, silenced and slowed while they carry the traffic of a whole stack."""

import asyncio
from typing import Self, TypeVar, cast

from tests.chaos.ends import End, Flow
from tests.chaos.loop_thread import LoopThread

HOST = "127.0.0.1"
BACKLOG = 512


class Link:
    """One link. Every method may be called from any thread, and has taken hold when it returns."""

    def __init__(self, name: str, upstream_port: int, thread: LoopThread) -> None:
        self.name = name
        self.mode = "open"
        self._upstream_port = upstream_port
        self._thread = thread
        self._flow = Flow()
        self._clients: set[End] = set()
        self._unconnected: set[End] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._server = thread.run(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def connections(self) -> int:
        """How many it carries or holds now."""
        return len(self._clients)

    def open(self) -> None:
        """Carry everything at once again, what a black hole held first."""
        self._switch("open", Flow())

    def cut(self) -> None:
        """RST every connection, and each new one until another mode."""
        self._switch("cut", Flow())

    def reset(self) -> None:
        """RST every connection once; new ones are treated as before."""
        self._thread.call(self._reset)

    def black_hole(self) -> None:
        """Carry nothing either way and say nothing about it; new connections are accepted."""
        self._switch("black_hole", Flow(carries=False))

    def slow(self, bytes_per_second: float, latency_seconds: float) -> None:
        """Carry that much each way on each connection, each byte that late."""
        self._switch("slow", Flow(bytes_per_second=bytes_per_second, latency_seconds=latency_seconds))

    def close(self) -> None:
        """End it with its connections."""
        self._thread.run(self._close())

    def ends(self) -> tuple[End, End]:
        """The client's end and the upstream end of a new connection."""
        return End(self._flow, self._lost), End(self._flow, self._ignore)

    def _switch(self, mode: str, flow: Flow) -> None:
        def switch() -> None:
            self.mode = mode
            vars(self._flow).update(vars(flow))
            if mode == "cut":
                self._reset()
            self._wake()

        self._thread.call(switch)

    def _wake(self) -> None:
        for client in tuple(self._clients):
            for end in (client, client.peer):
                end.settle()
                end.regulate()
        if self._flow.carries:
            for client in tuple(self._unconnected):
                self._connect(client)

    def _reset(self) -> None:
        for client in tuple(self._clients):
            client.reset()
            client.peer.reset()

    async def _listen(self) -> asyncio.Server:
        server = await self._thread.loop.create_server(self._accept, HOST, 0, backlog=BACKLOG)
        return cast("asyncio.Server", server)

    def _accept(self) -> End:
        client, upstream = self.ends()
        client.peer, upstream.peer = upstream, client
        if self.mode == "cut":
            client.reset()
            return client
        self._clients.add(client)
        self._unconnected.add(client)
        if self._flow.carries:
            self._connect(client)
        return client

    def _connect(self, client: End) -> None:
        self._unconnected.discard(client)
        connecting = self._thread.loop.create_task(self._reach(client))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    async def _reach(self, client: End) -> None:
        try:
            await self._thread.loop.create_connection(lambda: client.peer, HOST, self._upstream_port)
        except OSError:
            client.reset()

    def _lost(self, client: End) -> None:
        self._clients.discard(client)
        self._unconnected.discard(client)

    def _ignore(self, upstream: End) -> None:
        return

    async def _close(self) -> None:
        self._server.close()
        self._reset()
        await self._server.wait_closed()


L = TypeVar("L", bound=Link)


class Links:
    """All links of a run, in one thread."""

    def __init__(self) -> None:
        self._thread = LoopThread("links")
        self._links: list[Link] = []

    def add(self, name: str, upstream_port: int, kind: type[L] = Link) -> L:
        """Listen on a free port and carry what comes to the upstream port."""
        link = kind(name, upstream_port, self._thread)
        self._links.append(link)
        return link

    def close(self) -> None:
        """End all of them."""
        for link in self._links:
            link.close()
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
