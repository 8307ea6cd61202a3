"""A file announced and uploaded in one go, for the routes that take files by name."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from chassis.errors import CallError, CallReason, invalid
from chassis.failpoints import Point, reach
from chassis.logs import get_logger
from gateway.backend import Backend, Caller
from gateway.http.caller import IDEMPOTENCY_HEADER, HasKey, RequestId, TheBackend, TheUploads, WhoAsks, derived_id
from gateway.http.forms import Part, malformed
from gateway.upload import Offer, Uploads
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsRequest,
    DocumentAnnouncement,
    GetDocumentRequest,
    RemoveDocumentRequest,
)
from quire.batch.v1.document_pb2 import Document

log = get_logger()


@dataclass(frozen=True, slots=True)
class Filing:
    """One request that files documents by name.

    With an Idempotency-Key what broke off stays, because the same request will come again and go on with it; without
    one it is taken back, because nobody knows its id.
    """

    backend: Backend
    uploads: Uploads
    caller: Caller
    request_id: str
    resumable: bool

    async def file(
        self, batch_id: str, announced: DocumentAnnouncement, chunks: AsyncIterator[bytes], step: str
    ) -> Document:
        """Announce a document and store it; raises what the upload raises."""
        request = AddDocumentsRequest(
            request_id=derived_id(self.request_id, step), batch_id=batch_id, documents=[announced]
        )
        added = await self.backend.ask(self.backend.batch.AddDocuments, request, self.caller)
        document_id = added.documents[0].id
        offer = Offer(batch_id, document_id, announced.size_bytes or None, announced.sha256, announced.media_type)
        try:
            return await self.uploads.store(self.caller, offer, chunks)
        except BaseException as error:
            if self.resumable and isinstance(error, CallError) and error.reason == CallReason.BATCH_NOT_DRAFT:
                return await self._stored_before(batch_id, document_id, chunks, error)
            if not self.resumable:
                await self._take_back(batch_id, document_id)
            raise

    async def file_part(self, batch_id: str, part: Part, position: int) -> Document:
        """Announce and store one file of a form."""
        if position:
            await reach(Point.G4)
        if not part.file_name:
            raise malformed(f"part {part.name[:50]!r} is no file with a name")
        announced = DocumentAnnouncement(
            name=part.file_name, size_bytes=part.size_bytes or 0, media_type=part.media_type
        )
        return await self.file(batch_id, announced, part.chunks(), f"file {position}")

    async def _stored_before(
        self, batch_id: str, document_id: str, chunks: AsyncIterator[bytes], refusal: CallError
    ) -> Document:
        """The document as it is, if the same request stored these bytes before its batch was sealed."""
        request = GetDocumentRequest(batch_id=batch_id, document_id=document_id)
        document = (await self.backend.ask(self.backend.batch.GetDocument, request, self.caller)).document
        if not document.sha256:
            raise refusal
        digest, left = hashlib.sha256(), document.size_bytes
        async for chunk in chunks:
            digest.update(chunk)
            left -= len(chunk)
            if left < 0:
                break
        if digest.hexdigest() != document.sha256:
            message = f"was used before with other bytes for {document.name!r}; take a new one"
            raise invalid({IDEMPOTENCY_HEADER: message}, CallReason.REQUEST_ID_REUSED)
        return document

    async def _take_back(self, batch_id: str, document_id: str) -> None:
        request = RemoveDocumentRequest(batch_id=batch_id, document_id=document_id)
        try:
            await self.backend.ask(self.backend.batch.RemoveDocument, request, self.caller)
        except CallError as error:
            log.info("document_not_taken_back", batch_id=batch_id, document_id=document_id, reason=error.reason)


async def filing(
    caller: WhoAsks, key: RequestId, resumable: HasKey, backend: TheBackend, uploads: TheUploads
) -> Filing:
    """The filing of one request, as a dependency."""
    return Filing(backend, uploads, caller, key, resumable)
