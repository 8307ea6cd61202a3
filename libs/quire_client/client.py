"""The client of Quire: `async with QuireClient.from_environment() as quire: ...`."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from quire.batch.v1.batch_pb2 import Batch, BatchOptions, BatchStatus
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    CreateBatchRequest,
    DocumentAnnouncement,
    GetBatchRequest,
    GetDocumentRequest,
    GetLimitsRequest,
    GetLimitsResponse,
    GetUsageRequest,
    GetUsageResponse,
    ListBatchesRequest,
    ListDocumentsRequest,
    SealBatchRequest,
    StreamResultsRequest,
    WatchBatchRequest,
    WatchBatchResponse,
)
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.batch.v1.document_pb2 import DOCUMENT_STATUS_PENDING_UPLOAD, Document, DocumentStatus
from quire.upload.v1.upload_service_pb2 import UploadHeader
from quire_client.channel import Caller, Tls, open_channel, open_threaded_channel
from quire_client.control import Control
from quire_client.errors import CallError, DocumentRefusedError, RefusedError
from quire_client.options import Schema, schema_text
from quire_client.results import Result
from quire_client.settings import API_KEY, ENDPOINT, UPLOAD_ENDPOINT, missing_settings, read_environment, read_tls
from quire_client.sources import Submittable, gather, source_of
from quire_client.streams import Results, Watch
from quire_client.submission import ANNOUNCED_AT_ONCE, Progress, Submission, derived_id
from quire_client.uploading import Uploader

PAGE_SIZE = 500


class QuireClient(Control):
    """One tenant's view of Quire.

    Every call has a deadline and is made again when the server does not answer: for `retry_for` seconds, or for
    `persist_for` when something is under way (announcing, uploading, sealing, watching). What creates something carries
    a request id, so that making the call again never creates it twice. Whatever fails raises a `QuireError`.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str,
        upload_endpoint: str = "",
        *,
        retry_for: float = 5.0,
        persist_for: float = 300.0,
        tls: Tls | None = None,
    ) -> None:
        """Prepare channels to the batch service and the gateway's gRPC door: `host:port`, or `grpcs://host:port`.

        The key may be an API key or a token of the issuer Quire trusts; `tls` brings certificates of one's own.
        """
        metadata = (("authorization", f"Bearer {api_key}"),)
        self._persistent = Caller(metadata, max(retry_for, persist_for))
        self._channel = open_channel(endpoint, tls)
        super().__init__(Caller(metadata, retry_for), BatchServiceStub(self._channel))
        self._upload_channel = open_threaded_channel(upload_endpoint, tls) if upload_endpoint else None
        self._uploader = Uploader(self._upload_channel, self._persistent) if self._upload_channel else None

    @classmethod
    def from_environment(
        cls, *, retry_for: float = 5.0, persist_for: float = 300.0, environment: Mapping[str, str] = os.environ
    ) -> Self:
        """Read QUIRE_ENDPOINT, QUIRE_API_KEY, for uploads QUIRE_UPLOAD_ENDPOINT, and certificates if there are.

        Raises:
            ConfigurationError: one of the first two is missing, or a certificate cannot be read.
        """
        endpoint, api_key = read_environment(ENDPOINT, API_KEY, environment=environment)
        upload_endpoint = environment.get(UPLOAD_ENDPOINT, "").strip()
        tls = read_tls(environment)
        return cls(endpoint, api_key, upload_endpoint, retry_for=retry_for, persist_for=persist_for, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and the connections."""
        await self._channel.close()
        if self._upload_channel:
            self._upload_channel.close()

    async def create_batch(
        self,
        *,
        prompt: str,
        schema: Schema | None = None,
        name: str = "",
        description: str = "",
        options: BatchOptions | None = None,
        source_batch_id: str = "",
        request_id: str = "",
    ) -> Batch:
        """Create a draft. The same `request_id` (a UUID) with the same arguments answers the same batch."""
        request = CreateBatchRequest(
            request_id=request_id or str(uuid4()),
            name=name,
            description=description,
            extraction_prompt=prompt,
            output_schema=schema_text(schema),
            options=options,
            source_batch_id=source_batch_id,
        )
        return (await self._caller.call(self._batches.CreateBatch, request)).batch

    async def add_documents(
        self, batch_id: str, documents: Iterable[DocumentAnnouncement], *, request_id: str = ""
    ) -> Sequence[Document]:
        """Announce documents of a draft, 1,000 a call; each call is all or none."""
        announced, answered, request_id = list(documents), list[Document](), request_id or str(uuid4())
        for start in range(0, len(announced), ANNOUNCED_AT_ONCE):
            chunk = announced[start : start + ANNOUNCED_AT_ONCE]
            request = AddDocumentsRequest(
                request_id=derived_id(request_id, str(start)), batch_id=batch_id, documents=chunk
            )
            answered += (await self._persistent.call(self._batches.AddDocuments, request)).documents
        return answered

    async def upload(
        self,
        batch_id: str,
        document_id: str,
        content: Path | str | bytes,
        *,
        sha256: str = "",
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> Document:
        """Stream the bytes of an announced document; a broken stream is sent again from the start."""
        uploader, source = self._require_uploader(), source_of(content)
        sha256 = sha256 or await asyncio.to_thread(source.sha256)
        header = UploadHeader(batch_id=batch_id, document_id=document_id, size_bytes=source.size, sha256=sha256)
        return await uploader.send(header, source, on_bytes)

    async def seal(self, batch_id: str, *, drop_incomplete: bool = False, request_id: str = "") -> Batch:
        """Close a draft and queue its documents."""
        request = SealBatchRequest(
            request_id=request_id or str(uuid4()), batch_id=batch_id, drop_incomplete=drop_incomplete
        )
        return (await self._persistent.call(self._batches.SealBatch, request)).batch

    async def submit(
        self,
        paths: Submittable | Iterable[Submittable],
        *,
        prompt: str,
        schema: Schema | None = None,
        name: str = "",
        description: str = "",
        options: BatchOptions | None = None,
        request_id: str = "",
        on_progress: Callable[[Progress], None] | None = None,
        on_refused: Callable[[DocumentRefusedError], None] | None = None,
    ) -> Batch:
        """Create a batch of all files in `paths` (folders are walked), upload them, seal it.

        With `on_refused` a file the server will not have is told to it and left out, instead of ending the submission.
        With the `request_id` of an earlier submission of the same files it goes on where that one stopped.

        Raises:
            DocumentRefusedError: the server will not have one of the files; the draft is cancelled.
            ConfigurationError: there is no upload endpoint.
            NothingToSubmitError: the paths hold no file.
            OSError: a file cannot be read.
            CallError: anything else the server said.
        """
        self._require_uploader()
        sources, resuming, request_id = gather(paths), bool(request_id), request_id or str(uuid4())
        draft = await self.create_batch(
            prompt=prompt, schema=schema, name=name, description=description, options=options, request_id=request_id
        )
        stored = await self._stored(draft.id) if resuming else frozenset[str]()
        try:
            await Submission(self, draft.id, request_id, stored, on_progress, on_refused).run(sources)
            seal_id = derived_id(request_id, "seal")
            return await self.seal(draft.id, drop_incomplete=on_refused is not None, request_id=seal_id)
        except (DocumentRefusedError, RefusedError, OSError):
            await self._abandon(draft.id)
            raise

    def _require_uploader(self) -> Uploader:
        if self._uploader is None:
            raise missing_settings(UPLOAD_ENDPOINT)
        return self._uploader

    async def _stored(self, batch_id: str) -> frozenset[str]:
        pending = DOCUMENT_STATUS_PENDING_UPLOAD
        return frozenset([found.id async for found in self.documents(batch_id) if found.status != pending])

    async def _abandon(self, batch_id: str) -> None:
        with suppress(CallError):  # the reason to give up is what the caller must hear; an idle draft expires anyway
            await self.cancel(batch_id)

    async def get(self, batch_id: str) -> Batch:
        """Read one batch."""
        return (await self._caller.call(self._batches.GetBatch, GetBatchRequest(batch_id=batch_id))).batch

    async def list(
        self, *, statuses: Collection[BatchStatus.ValueType] = (), name_contains: str = "", page_size: int = PAGE_SIZE
    ) -> AsyncIterator[Batch]:
        """Iterate over the tenant's batches, newest first."""
        request = ListBatchesRequest(page_size=page_size, statuses=statuses, name_contains=name_contains)
        while True:
            page = await self._caller.call(self._batches.ListBatches, request)
            for batch in page.batches:
                yield batch
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def documents(
        self,
        batch_id: str,
        *,
        statuses: Collection[DocumentStatus.ValueType] = (),
        error_codes: Collection[str] = (),
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Document]:
        """Iterate over the documents of a batch in the order announced."""
        request = ListDocumentsRequest(
            batch_id=batch_id, page_size=page_size, statuses=statuses, error_codes=error_codes
        )
        while True:
            page = await self._caller.call(self._batches.ListDocuments, request)
            for document in page.documents:
                yield document
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    async def document(self, batch_id: str, document_id: str) -> Document:
        """Read one document."""
        request = GetDocumentRequest(batch_id=batch_id, document_id=document_id)
        return (await self._caller.call(self._batches.GetDocument, request)).document

    def watch(
        self, batch_id: str, after_version: int = 0, include_documents: bool = False
    ) -> AsyncIterator[WatchBatchResponse]:
        """Iterate over snapshots (`.batch`, and `.documents` changed since the last) until the batch is final.

        With `include_documents`, an answer with 500 documents has no `.batch` yet; the last one of a version has it.
        When the server goes away it goes on from the last version, so nothing is missed; a snapshot may come twice.
        """
        request = WatchBatchRequest(batch_id=batch_id, after_version=after_version, include_documents=include_documents)
        return Watch(self._caller, self._persistent.retry_for, self._batches, self.get, request).snapshots()

    def results(self, batch_id: str, include_errors: bool = False, after_position: int = 0) -> AsyncIterator[Result]:
        """Iterate over the results there are now, in the order announced; works while the batch runs."""
        request = StreamResultsRequest(batch_id=batch_id, include_errors=include_errors, after_position=after_position)
        return Results(self._caller, self._batches, request).read()

    async def limits(self) -> GetLimitsResponse:
        """Read the limits in force and what is used of them."""
        return await self._caller.call(self._batches.GetLimits, GetLimitsRequest())

    async def usage(self, months: int = 0) -> GetUsageResponse:
        """Read what is used now, and by month: so many months back, 12 when 0."""
        return await self._caller.call(self._batches.GetUsage, GetUsageRequest(months=months))
