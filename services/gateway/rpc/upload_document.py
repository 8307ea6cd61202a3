"""`quire.upload.v1.UploadService/UploadDocument`: a header, then chunks."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from chassis.blobs import BlobFault
from chassis.errors import CallError, invalid, unauthenticated
from chassis.rpc_client import AUTHORIZATION_KEY
from chassis.rpc_faults import Context
from gateway.backend import Caller
from gateway.patience import patient
from gateway.storage_faults import storage_error
from gateway.upload import Offer, Uploads
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadDocumentResponse
from quire.upload.v1.upload_service_pb2_grpc import UploadServiceServicer

MAX_CHUNK_BYTES = 1024 * 1024


class UploadDocumentDoor(UploadServiceServicer):
    """Stores documents sent over gRPC."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    async def UploadDocument(  # noqa: N802 - named by the contract
        self, request_iterator: AsyncIterator[UploadDocumentRequest], context: Any
    ) -> UploadDocumentResponse:
        """Store the bytes of one announced document while they arrive."""
        offer = await _offer(request_iterator)
        document = await self._uploads.store(_caller(context), offer, patient(_chunks(request_iterator)))
        return UploadDocumentResponse(document=document)


async def require_credential(_: str, context: Context) -> None:
    """Refuse a call without a credential before anything of it is read."""
    _caller(context)


def credential_of(context: Context) -> str:
    """Whose upload it is, as far as the gateway knows."""
    return _caller(context).authorization


def translate(error: BaseException) -> CallError | None:
    """Turn a fault of the object store into an answer."""
    return storage_error(error) if isinstance(error, BlobFault) else None


def _caller(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    sent = [value for key, value in context.invocation_metadata() or () if key == AUTHORIZATION_KEY]
    if len(sent) == 1 and isinstance(sent[0], str) and sent[0]:
        return Caller(sent[0])
    raise unauthenticated("send `authorization: Bearer <API key or token>` as metadata, once")


async def _offer(requests: AsyncIterator[UploadDocumentRequest]) -> Offer:
    first = await anext(requests, None)
    if first is None or first.WhichOneof("part") != "header":
        raise invalid({"header": "the first message must be a header"})
    header = first.header
    if header.size_bytes < 0:
        raise invalid({"header.size_bytes": "must not be negative"})
    return Offer(header.batch_id, header.document_id, header.size_bytes or None, header.sha256)


async def _chunks(requests: AsyncIterator[UploadDocumentRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise invalid({"header": "only the first message may be a header"})
        chunk = request.chunk  # each look at it copies
        if len(chunk) > MAX_CHUNK_BYTES:
            raise invalid({"chunk": f"at most {MAX_CHUNK_BYTES} bytes in one message"})
        yield chunk
