"""Sends the bytes of one announced document, again from the start when the stream breaks.

The streams run on gRPC's threads, not on its asyncio: there a server that refuses while chunks are being written is
reported as INTERNAL, and its reason is lost.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import cast

import grpc

from quire.batch.v1.document_pb2 import Document
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadDocumentResponse, UploadHeader
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceStub
from quire_client.channel import Caller
from quire_client.errors import FailedCall, read_error
from quire_client.patience import Patience
from quire_client.sources import Source

CHUNK_BYTES = 512 * 1024
TRIES = 4
_LEAST_SECONDS = 120.0
_LEAST_BYTES_PER_SECOND = 32 * 1024

Sent = Callable[[int], None]


class Uploader:
    """Streams documents to the gateway."""

    def __init__(self, channel: grpc.Channel, caller: Caller) -> None:
        self._stub = UploadServiceStub(channel)
        self._caller = caller

    async def send(self, header: UploadHeader, source: Source, on_bytes: Sent) -> Document:
        """Upload until it is stored; `on_bytes` gets the size of each chunk, negative what a broken try had sent."""
        patience = Patience(self._caller.retry_for, TRIES)
        while True:
            transfer = _Transfer(header, source, on_bytes)
            try:
                return (await self._send_once(transfer, source.size)).document
            except grpc.RpcError as error:
                transfer.take_back()
                failure = read_error(cast("FailedCall", error))
                if not patience.allows(failure):
                    raise failure from error
            await patience.pause()

    async def _send_once(self, transfer: "_Transfer", size: int) -> UploadDocumentResponse:
        seconds = _LEAST_SECONDS + size / _LEAST_BYTES_PER_SECOND
        ended = asyncio.Event()
        call = self._stub.UploadDocument.future(transfer.requests(), timeout=seconds, metadata=self._caller.metadata)
        call.add_done_callback(lambda _: transfer.tell(ended.set))
        try:
            await ended.wait()
        finally:
            call.cancel()
        if transfer.fault:
            raise transfer.fault
        return call.result()


class _Transfer:
    """One try: read and counted on a thread of gRPC's, told of on the event loop."""

    def __init__(self, header: UploadHeader, source: Source, on_bytes: Sent) -> None:
        self._header = header
        self._source = source
        self._on_bytes = on_bytes
        self._loop = asyncio.get_running_loop()
        self._sum = 0
        self.fault: OSError | None = None

    def requests(self) -> Iterator[UploadDocumentRequest]:
        """The header, then the chunks; a fault of reading ends them early, and the hash keeps them from counting."""
        yield UploadDocumentRequest(header=self._header)
        try:
            with self._source.open() as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield UploadDocumentRequest(chunk=chunk)
                    self.tell(partial(self._add, len(chunk)))
        except OSError as error:
            self.fault = error

    def tell(self, callback: Callable[[], None]) -> None:
        """Run something on the event loop, from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback)

    def _add(self, size: int) -> None:
        self._sum += size
        self._on_bytes(size)

    def take_back(self) -> None:
        """Uncount what was sent in vain."""
        self._on_bytes(-self._sum)
