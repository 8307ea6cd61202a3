"""The object store, behind the `minio` SDK in a thread pool of its own; the only module that knows it.

Works with any S3: nothing here relies on conditional writes, so keys are never written twice (each upload and each
attempt has its own).
"""

import asyncio
import hashlib
import io
import queue
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from chassis.settings import ServiceSettings

PART_BYTES = 8 * 1024 * 1024
CHUNKS_AHEAD = 16
CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
T = TypeVar("T")


class BlobFault(Exception):
    """The object store did not do what was asked. Tree: BlobMissing, BlobUnavailable, BlobFull."""


class BlobMissing(BlobFault):
    """There is no such object; asking again does not help."""


class BlobUnavailable(BlobFault):
    """The store does not answer; ask again later."""


class BlobFull(BlobFault):
    """The store has no space left; an operator must free some."""


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What was written."""

    key: str
    size_bytes: int
    sha256: str
    """64 hex digits."""


class Blobs:
    """Objects of one bucket. Every method raises BlobFault."""

    def __init__(self, settings: ServiceSettings, threads: int = 16) -> None:
        url = urlsplit(settings.s3_endpoint)
        self._bucket = settings.s3_bucket
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        self._client = Minio(
            url.netloc,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=url.scheme == "https",
            region=settings.s3_region,
            http_client=urllib3.PoolManager(
                maxsize=threads,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
            ),
        )

    async def put(self, key: str, body: bytes, media_type: str = "application/octet-stream") -> StoredBlob:
        """Write a small object."""

        def write() -> None:
            self._client.put_object(self._bucket, key, io.BytesIO(body), len(body), content_type=media_type)

        await self._call(write)
        return StoredBlob(key, len(body), hashlib.sha256(body).hexdigest())

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], size_bytes: int = -1) -> StoredBlob:
        """Write an object while its bytes arrive; at most a part and a few chunks are ever held.

        Args:
            key: where to; must be new.
            chunks: the bytes; what it raises breaks the write off and is raised again.
            size_bytes: the exact length if it is known, -1 if not.
        """
        pipe = _Pipe()

        def write() -> None:
            self._client.put_object(self._bucket, key, cast("BinaryIO", pipe), size_bytes, part_size=PART_BYTES)

        writing = asyncio.ensure_future(self._call(write))
        try:
            await _feed(pipe, chunks, writing)
        except BaseException:
            pipe.abort()
            await asyncio.wait([writing])
            _ = writing.cancelled() or writing.exception()
            raise
        await writing
        return StoredBlob(key, pipe.size_bytes, pipe.sha256)

    async def get(self, key: str) -> bytes:
        """Read a small object."""

        def read() -> bytes:
            response = self._client.get_object(self._bucket, key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

        return await self._call(read)

    async def get_to_file(self, key: str, path: Path) -> StoredBlob:
        """Copy an object into a file and answer what was read."""

        def copy() -> StoredBlob:
            response = self._client.get_object(self._bucket, key)
            digest, size = hashlib.sha256(), 0
            try:
                with path.open("wb") as file:
                    for chunk in response.stream(1024 * 1024):
                        digest.update(chunk)
                        size += file.write(chunk)
            finally:
                response.close()
                response.release_conn()
            return StoredBlob(key, size, digest.hexdigest())

        return await self._call(copy)

    async def remove(self, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        await self._call(lambda: self._client.remove_object(self._bucket, key))

    async def check(self) -> None:
        """Return if the bucket answers."""
        if not await self._call(lambda: self._client.bucket_exists(self._bucket)):
            raise BlobMissing(f"there is no bucket {self._bucket!r}; create it or set QUIRE_S3_BUCKET")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, work)
        except S3Error as error:
            raise _fault(error) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BlobUnavailable(f"the object store does not answer: {type(error).__name__}") from error


def _fault(error: S3Error) -> BlobFault:
    code = error.code or ""
    if code in ("NoSuchKey", "NoSuchBucket", "NoSuchObject"):
        return BlobMissing(f"{code}: {error.object_name}")
    if code in ("XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "StorageFull"):
        return BlobFull(code)
    return BlobUnavailable(code)


class _Broken(OSError):
    """The source of a stream broke off; the SDK must not finish the object."""


class _Pipe:
    """A file object whose bytes come from the event loop through a bounded queue."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
        self._rest = b""
        self._ended = False
        self._aborted = False
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def offer(self, chunk: bytes | None) -> bool:
        """Queue a chunk (None ends); False when the queue is full."""
        try:
            self._chunks.put_nowait(chunk)
        except queue.Full:
            return False
        return True

    def abort(self) -> None:
        self._aborted = True
        self.offer(None)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; empty at the end. Called in the SDK's thread."""
        wanted = size if size >= 0 else PART_BYTES
        pieces: list[bytes] = []
        while wanted > 0 and (piece := self._next(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def _next(self, wanted: int) -> bytes:
        if not self._rest and not self._ended:
            self._take()
        piece, self._rest = self._rest[:wanted], self._rest[wanted:]
        return piece

    def _take(self) -> None:
        chunk = None if self._aborted else self._chunks.get()
        if self._aborted:
            raise _Broken("the upload was broken off")
        if chunk is None:
            self._ended = True
            return
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        self._rest = chunk


async def _feed(pipe: _Pipe, chunks: AsyncIterator[bytes], writing: asyncio.Future[None]) -> None:
    async for chunk in chunks:
        if chunk and not await _offer(pipe, chunk, writing):
            break
    else:
        await _offer(pipe, None, writing)


async def _offer(pipe: _Pipe, chunk: bytes | None, writing: asyncio.Future[None]) -> bool:
    while not pipe.offer(chunk):
        if writing.done():
            return False
        await asyncio.sleep(0.002)
    return True
