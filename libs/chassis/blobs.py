"""The object store, behind the `minio` SDK in a thread pool of its own; the only module that knows it.

Works with any S3: nothing here relies on conditional writes, so keys are never written twice (each upload and each
attempt has its own).
"""

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.datatypes import Object
from minio.deleteobjects import DeleteError, DeleteObject
from minio.error import MinioException, S3Error

from chassis.pipe import Pipe, PipeBroken
from chassis.settings import StoreSettings

PART_BYTES = 8 * 1024 * 1024
STREAMS = 64
HASHERS = 4
CONNECT_SECONDS = 3.0
READ_SECONDS = 30.0
LISTED_AT_ONCE = 1_000
OCTETS = "application/octet-stream"
# A stream cannot be sent twice: only a connection that never came about is tried again.
_ONCE = urllib3.Retry(total=None, connect=2, read=False, redirect=False, status=False, other=False)
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


@dataclass(frozen=True, slots=True)
class ListedBlob:
    """An object as a listing has it."""

    key: str
    modified_at: datetime
    """By the store's clock, UTC."""


class Blobs:
    """Objects of one bucket. Every method raises BlobFault."""

    def __init__(self, settings: StoreSettings, threads: int = 16) -> None:
        url = urlsplit(settings.s3_endpoint)
        self._bucket = settings.s3_bucket
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        # A stream is as slow as its source, so streams must not keep quick calls waiting.
        self._streams = ThreadPoolExecutor(STREAMS, thread_name_prefix="blob-streams")
        self._hashers = ThreadPoolExecutor(HASHERS, thread_name_prefix="blob-hashers")
        self._http = urllib3.PoolManager(
            maxsize=threads + STREAMS,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        )
        self._client = Minio(
            url.netloc,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=url.scheme == "https",
            region=settings.s3_region,
            http_client=self._http,
        )

    async def put(self, key: str, body: bytes, media_type: str = OCTETS) -> StoredBlob:
        """Write a small object."""

        def write() -> None:
            self._client.put_object(self._bucket, key, io.BytesIO(body), len(body), content_type=media_type)

        await self._call(write)
        return StoredBlob(key, len(body), hashlib.sha256(body).hexdigest())

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], size_bytes: int = -1) -> StoredBlob:
        """Write an object while its bytes arrive.

        A known length goes out as one request and holds a few chunks; an unknown one goes out in parts and holds one.

        Args:
            key: where to; must be new.
            chunks: the bytes; what it raises breaks the write off and is raised again.
            size_bytes: the exact length if it is known, -1 if not.

        Raises:
            BlobFault: the store did not take it.
            PipeBroken: the chunks were not `size_bytes` long; nothing was written.
        """
        pipe = Pipe(asyncio.get_running_loop(), self._hashers)
        write = self._write_parts if size_bytes < 0 else self._write_at_once
        writing = asyncio.ensure_future(self._call(lambda: write(key, pipe, size_bytes), self._streams))
        writing.add_done_callback(lambda _: pipe.lose_reader())
        try:
            await pipe.feed(chunks)
        except BaseException:
            pipe.break_off()
            await asyncio.wait([writing])
            _ = writing.cancelled() or writing.exception()
            raise
        await writing
        return StoredBlob(key, pipe.size_bytes, pipe.sha256)

    def _write_parts(self, key: str, pipe: Pipe, _: int) -> None:
        self._client.put_object(
            self._bucket, key, cast("BinaryIO", pipe), -1, part_size=PART_BYTES, num_parallel_uploads=1
        )

    def _write_at_once(self, key: str, pipe: Pipe, size_bytes: int) -> None:
        # The SDK would hold the whole body to sign it; a presigned request is signed without one.
        url = self._client.presigned_put_object(self._bucket, key, timedelta(hours=12))
        headers = {"Content-Length": str(size_bytes), "Content-Type": OCTETS}
        response = self._http.urlopen("PUT", url, body=_whole(pipe, size_bytes), headers=headers, retries=_ONCE)
        if response.status >= 300:
            raise _refusal(response.status, response.data)

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

    async def remove_many(self, keys: Sequence[str]) -> None:
        """Remove objects, many a request; those that are not there are removed already."""

        def remove() -> list[DeleteError]:
            return list(self._client.remove_objects(self._bucket, [DeleteObject(key) for key in keys]))

        refused = [error for error in (await self._call(remove) if keys else []) if error.code != "NoSuchKey"]
        if refused:
            raise BlobUnavailable(f"{len(refused)} of {len(keys)} objects stay: {refused[0].code}")

    async def list_page(self, prefix: str, after: str = "", limit: int = LISTED_AT_ONCE) -> list[ListedBlob]:
        """List at most so many objects whose keys begin so, in the order of keys, behind a key."""

        def read() -> list[ListedBlob]:
            found = self._client.list_objects(self._bucket, prefix, recursive=True, start_after=after or None)
            return [ListedBlob(*_listed(one)) for one in islice(found, limit)]

        return await self._call(read)

    async def remove_under(self, prefix: str) -> None:
        """Remove every object whose key begins so."""
        page = await self.list_page(prefix)
        while page:
            await self.remove_many([blob.key for blob in page])
            page = await self.list_page(prefix, page[-1].key)

    async def check(self) -> None:
        """Return if the bucket answers."""
        if not await self._call(lambda: self._client.bucket_exists(self._bucket)):
            raise BlobMissing(f"there is no bucket {self._bucket!r}; create it or set QUIRE_S3_BUCKET")

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._streams.shutdown(wait=False, cancel_futures=True)
        self._hashers.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[], T], pool: ThreadPoolExecutor | None = None) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(pool or self._pool, work)
        except S3Error as error:
            raise _fault(error.code or "", error.object_name or "") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BlobUnavailable(f"the object store does not answer: {type(error).__name__}") from error


def _listed(found: Object) -> tuple[str, datetime]:
    return found.object_name or "", found.last_modified or datetime.now(UTC)


def _fault(code: str, name: str) -> BlobFault:
    if code in ("NoSuchKey", "NoSuchBucket", "NoSuchObject"):
        return BlobMissing(f"{code}: {name}")
    if code in ("XMinioStorageFull", "InsufficientStorage", "InsufficientCapacity", "StorageFull"):
        return BlobFull(code)
    return BlobUnavailable(code)


def _refusal(status: int, body: bytes) -> BlobFault:
    if status == 507:
        return BlobFull("InsufficientStorage")
    found = re.search(rb"<Code>(\w{1,64})</Code>", body)
    return _fault(found[1].decode() if found else f"HTTP {status}", "the bucket")


def _whole(pipe: Pipe, size_bytes: int) -> Iterator[bytes]:
    for chunk in pipe:
        if pipe.size_bytes > size_bytes:
            break
        yield chunk
    if pipe.size_bytes != size_bytes:
        raise PipeBroken(f"{pipe.size_bytes} bytes came instead of {size_bytes}")
