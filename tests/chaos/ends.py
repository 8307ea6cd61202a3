"""The two ends of a connection through a link, and how bytes get from one to the other."""

import asyncio
import math
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

LINE_BYTES = 65_536
"""How much may wait for its turn before the other end is read no more."""
TICK_SECONDS = 0.02
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Flow:
    """How a link carries bytes now."""

    carries: bool = True
    bytes_per_second: float = math.inf
    latency_seconds: float = 0.0

    def at_once(self) -> bool:
        """Whether bytes go on as they come."""
        return self.carries and self.latency_seconds == 0 and math.isinf(self.bytes_per_second)

    def slice_bytes(self, waiting: int) -> int:
        """How much goes in one piece."""
        rate = self.bytes_per_second
        return waiting if math.isinf(rate) else max(1, min(waiting, int(rate * TICK_SECONDS)))


class End(asyncio.Protocol):
    """What it reads goes to its peer; it reads only while the peer can take more, so nothing piles up here."""

    peer: "End"

    def __init__(self, flow: Flow, lost: Callable[["End"], None]) -> None:
        self._flow = flow
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._line: deque[tuple[float, memoryview]] = deque()
        self._line_bytes = 0
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._clogged = False
        self._reading = True
        self._heard_end = False
        self._doomed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read once the other end is there too."""
        self._transport = cast("asyncio.Transport", transport)
        if self._doomed:
            self.reset()
        else:
            self._loop.call_soon(self._join)  # uvloop begins to read after this call, whatever was said in it

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        self.peer.send(data)

    def eof_received(self) -> bool:
        """Hand the end on, and keep the other direction."""
        self._heard_end = True
        self.peer.send(b"")
        return True

    def pause_writing(self) -> None:
        """The buffers of this end are full."""
        self._clogged = True
        self.peer.regulate()

    def resume_writing(self) -> None:
        """And free again."""
        self._clogged = False
        self.settle()
        self.peer.regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever became of this end becomes of the other."""
        self._doomed = True
        self._transport = None
        self._unschedule()
        self._line.clear()
        if exc is None:
            self.peer.finish()
        else:
            self.peer.reset()
        self._lost(self)

    def send(self, data: bytes) -> None:
        """Write, now or when the link gets to it; no bytes at all are the end of the stream."""
        if not self._line and self._transport is not None and self._flow.at_once():
            self._write(data)
            return
        self._line.append((self._loop.time() + self._flow.latency_seconds, memoryview(data)))
        self._line_bytes += len(data)
        self.settle()
        self.peer.regulate()

    def settle(self) -> None:
        """Write what is due by now, and come back for the rest."""
        self._unschedule()
        while self._line and self._flow.carries and self._transport is not None and not self._clogged:
            wait = max(self._line[0][0], self._free_at) - self._loop.time()
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._come_back)
                return
            self._write_slice()

    def regulate(self) -> None:
        """Read exactly while what is read can go on."""
        wanted = self._flow.carries and self.peer.accepts()
        if self._transport is None or self._heard_end or self._transport.is_closing() or wanted == self._reading:
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def accepts(self) -> bool:
        """Whether there is room for more to write."""
        return self._transport is not None and not self._clogged and self._line_bytes < LINE_BYTES

    def finish(self) -> None:
        """Close once all is written."""
        self._doomed = True
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """RST, now or as soon as there is a connection."""
        self._doomed = True
        if self._transport is None or self._transport.is_closing():
            return
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    def _join(self) -> None:
        self.settle()
        self.regulate()
        self.peer.regulate()

    def _come_back(self) -> None:
        self.settle()
        self.peer.regulate()

    def _unschedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write_slice(self) -> None:
        due, waiting = self._line.popleft()
        now = waiting[: self._flow.slice_bytes(len(waiting))]
        if len(now) < len(waiting):
            self._line.appendleft((due, waiting[len(now) :]))
        self._line_bytes -= len(now)
        self._free_at = self._loop.time() + len(now) / self._flow.bytes_per_second
        self._write(now)

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data:
            self._transport.write(data)
            return
        self._transport.write_eof()
        if self._heard_end:
            self._transport.close()
