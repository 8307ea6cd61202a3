"""One upload, whichever door it came through: open it, stream it into the store, close it.

The document's row moves only when CompleteUpload says so; whatever breaks before leaves it PENDING_UPLOAD, and the
object written so far is removed.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from grpc import StatusCode

from chassis.blobs import BlobFault, Blobs, StoredBlob
from chassis.errors import CallError, invalid
from chassis.failpoints import Point, reach
from chassis.failures import FailureCode
from chassis.logs import get_logger
from gateway.backend import Backend, Caller
from quire.batch.v1.document_pb2 import Document
from quire.intake.v1.intake_service_pb2 import (
    BeginUploadRequest,
    BeginUploadResponse,
    CompleteUploadRequest,
)

log = get_logger()
T = TypeVar("T")
# After these nobody knows whether the upload was recorded, so its object must stay.
_UNDECIDED = (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED, StatusCode.INTERNAL)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller says about the bytes it is about to send."""

    batch_id: str
    document_id: str
    size_bytes: int | None = None
    """None when unknown."""
    sha256: str = ""
    """64 hex digits; empty skips the check."""
    media_type: str = ""


class Uploads:
    """Stores documents while their bytes arrive."""

    def __init__(self, backend: Backend, blobs: Blobs) -> None:
        self._backend = backend
        self._blobs = blobs
        self._running: set[asyncio.Task[Any]] = set()
        self.open = 0
        """Uploads that are neither done nor given up."""

    async def store(self, caller: Caller, offer: Offer, chunks: AsyncIterator[bytes]) -> Document:
        """Store one announced document and answer it as UPLOADED.

        Raises:
            CallError: refused; nothing is left behind.
            BlobFault: the store did not take it.
        """
        if offer.size_bytes == 0:
            raise _empty()
        self.open += 1
        try:
            return await self._store(caller, offer, chunks)
        finally:
            self.open -= 1

    async def settle(self, seconds: float) -> None:
        """Wait a while for what goes on after its caller has left."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    async def _store(self, caller: Caller, offer: Offer, chunks: AsyncIterator[bytes]) -> Document:
        opened = await self._begin(caller, offer)
        _check_size(opened, offer)
        stored = await self._write(opened, offer, chunks)
        await reach(Point.G2)
        # A caller that leaves now must not leave an object behind that nobody counts.
        document = await asyncio.shield(self._keep(self._complete(caller, offer, stored)))
        await reach(Point.G3)
        return document

    async def _begin(self, caller: Caller, offer: Offer) -> BeginUploadResponse:
        request = BeginUploadRequest(
            batch_id=offer.batch_id, document_id=offer.document_id, size_bytes=offer.size_bytes or 0
        )
        return await self._backend.ask_as_gateway(self._backend.intake.BeginUpload, request, caller)

    async def _write(self, opened: BeginUploadResponse, offer: Offer, chunks: AsyncIterator[bytes]) -> StoredBlob:
        size = offer.size_bytes if offer.size_bytes is not None else opened.expected_size_bytes or None
        try:
            measured = _measured(chunks, opened.max_bytes, size)
            stored = await self._blobs.put_stream(opened.object_key, measured, -1 if size is None else size)
            _check_sha256(stored, offer.sha256, opened.expected_sha256)
        except BaseException:
            self._keep(self._remove(opened.object_key))
            raise
        return stored

    async def _complete(self, caller: Caller, offer: Offer, stored: StoredBlob) -> Document:
        request = CompleteUploadRequest(
            batch_id=offer.batch_id,
            document_id=offer.document_id,
            object_key=stored.key,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            media_type=offer.media_type,
        )
        try:
            answer = await self._backend.ask_as_gateway(self._backend.intake.CompleteUpload, request, caller)
        except CallError as error:
            if error.code not in _UNDECIDED:
                await self._remove(stored.key)
            raise
        return answer.document

    async def _remove(self, key: str) -> None:
        try:
            await self._blobs.remove(key)
        except BlobFault as error:
            log.warning("upload_not_removed", key=key, fault=str(error))

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        running = asyncio.create_task(work)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return running


def _check_size(opened: BeginUploadResponse, offer: Offer) -> None:
    size, announced = offer.size_bytes, opened.expected_size_bytes
    if size is None:
        return
    if size > opened.max_bytes:
        raise _too_large(opened.max_bytes)
    if announced and announced != size:
        raise _mismatch("size_bytes", f"announced {announced}, got {size}")


def _check_sha256(stored: StoredBlob, *expected: str) -> None:
    for wrong in {item.lower() for item in expected} - {"", stored.sha256}:
        raise _mismatch("sha256", f"announced {wrong}, got {stored.sha256}")


async def _measured(chunks: AsyncIterator[bytes], max_bytes: int, size: int | None) -> AsyncIterator[bytes]:
    limit = max_bytes if size is None else min(size, max_bytes)
    got = 0
    async for chunk in chunks:
        got += len(chunk)
        if got > max_bytes:
            raise _too_large(max_bytes)
        if got > limit:
            raise _mismatch("size_bytes", f"announced {size}, got more")
        yield chunk
        await reach(Point.G1)
    if got == 0:
        raise _empty()
    if size is not None and got != size:
        raise _mismatch("size_bytes", f"announced {size}, got {got}")


def _too_large(max_bytes: int) -> CallError:
    return invalid({"size_bytes": f"at most {max_bytes} bytes"}, FailureCode.FILE_TOO_LARGE)


def _empty() -> CallError:
    return invalid({"size_bytes": "the file holds no bytes"}, FailureCode.FILE_EMPTY)


def _mismatch(field: str, fault: str) -> CallError:
    return invalid({field: fault}, FailureCode.CHECKSUM_MISMATCH)
