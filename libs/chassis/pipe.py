"""Bytes on their way from the event loop to one thread, a few at a time and hashed by another as they pass."""

import asyncio
import hashlib
import queue
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, Future

BYTES_AHEAD = 2 * 1024 * 1024
"""The writer waits while more than this was fed and not yet read."""
CHUNK_BYTES = 256 * 1024
"""Smaller chunks are read together, as far as they are there already: a slow source keeps no reader waiting."""


class PipeBroken(Exception):
    """The source broke off: what was read so far is not the whole; drop it."""


class Pipe:
    """One writer on the event loop, one reader in a thread; neither polls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hashers: Executor) -> None:
        self._loop = loop
        self._hashers = hashers
        self._hashing: Future[None] | None = None
        self._ahead = 0
        self._space = asyncio.Event()
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._broken = False
        self._reader_gone = False
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        """Bytes read so far."""

    @property
    def sha256(self) -> str:
        """Of the bytes read so far, 64 hex digits; for after the end."""
        return self._digest.hexdigest()

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        """Hand chunks over and then the end; return early when the reader is gone."""
        async for chunk in chunks:
            if not chunk:
                continue
            while self._ahead > BYTES_AHEAD and not self._reader_gone:
                self._space.clear()
                await self._space.wait()
            if self._reader_gone:
                return
            self._ahead += len(chunk)
            self._chunks.put(chunk)
        self._chunks.put(b"")

    def break_off(self) -> None:
        """Make the reader raise PipeBroken as soon as it asks for more."""
        self._broken = True
        self._chunks.put(b"")

    def lose_reader(self) -> None:
        """Wake a writer that waits for space nobody will make."""
        self._reader_gone = True
        self._space.set()

    def __iter__(self) -> Iterator[bytes]:
        """The chunks as they were fed. For the reader's thread.

        Raises:
            PipeBroken: the writer broke off.
        """
        while chunk := self._take():
            yield chunk

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes, fewer only at the end; -1 reads one chunk. For the reader's thread.

        Raises:
            PipeBroken: the writer broke off.
        """
        if size < 0:
            return self._rest or self._take()
        pieces = [self._rest[:size]]
        self._rest = self._rest[size:]
        missing = size - len(pieces[0])
        while missing > 0 and (chunk := self._take()):
            pieces.append(chunk[:missing])
            self._rest = chunk[missing:]
            missing -= len(pieces[-1])
        return b"".join(pieces)

    def _take(self) -> bytes:
        chunk = self._together(self._chunks.get())
        if self._broken:
            raise PipeBroken("the source broke off")
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None
        if chunk:
            self._loop.call_soon_threadsafe(self._make_space, len(chunk))
            self._hashing = self._hashers.submit(self._digest.update, chunk)
            self.size_bytes += len(chunk)
        return chunk

    def _together(self, first: bytes) -> bytes:
        chunks, size, last = [first], len(first), first
        while last and size < CHUNK_BYTES and not self._chunks.empty():  # nobody else takes from it
            chunks.append(last := self._chunks.get())
            size += len(last)
        if not last:
            self._chunks.put(last)  # the end is read as often as it is asked for
        return b"".join(chunks) if len(chunks) > 1 else first

    def _make_space(self, size: int) -> None:
        self._ahead -= size
        self._space.set()
