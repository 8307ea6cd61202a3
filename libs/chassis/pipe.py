"""Bytes on their way from the event loop to one thread, a few chunks at a time and hashed as they pass."""

import asyncio
import hashlib
import queue
from collections.abc import AsyncIterator, Iterator

CHUNKS_AHEAD = 16


class PipeBroken(Exception):
    """The source broke off: what was read so far is not the whole; drop it."""


class Pipe:
    """One writer on the event loop, one reader in a thread; neither polls."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._space = asyncio.Semaphore(CHUNKS_AHEAD)
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._broken = False
        self._reader_gone = False
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        """Bytes read so far."""

    @property
    def sha256(self) -> str:
        """Of the bytes read so far, 64 hex digits."""
        return self._digest.hexdigest()

    async def feed(self, chunks: AsyncIterator[bytes]) -> None:
        """Hand chunks over and then the end; return early when the reader is gone."""
        async for chunk in chunks:
            if not chunk:
                continue
            await self._space.acquire()
            if self._reader_gone:
                return
            self._chunks.put(chunk)
        self._chunks.put(b"")

    def break_off(self) -> None:
        """Make the reader raise PipeBroken as soon as it asks for more."""
        self._broken = True
        self._chunks.put(b"")

    def lose_reader(self) -> None:
        """Wake a writer that waits for space nobody will make."""
        self._reader_gone = True
        self._space.release()

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
        chunk = self._chunks.get()
        if self._broken:
            raise PipeBroken("the source broke off")
        if not chunk:
            self._chunks.put(chunk)  # the end is read as often as it is asked for
            return chunk
        self._loop.call_soon_threadsafe(self._space.release)
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        return chunk
