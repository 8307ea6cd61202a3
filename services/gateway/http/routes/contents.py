"""Documents and their bytes: announce, upload one as it is, upload many as a form."""

import base64
import binascii
import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chassis.errors import invalid
from chassis.failures import FailureCode
from gateway.http.answers import answer, answer_values
from gateway.http.bodies import content_length, media_type, raw_bytes, read_model
from gateway.http.caller import TheUploads, WhoAsks
from gateway.http.filing import Filing, filing
from gateway.http.forms import is_form, parts_of
from gateway.http.inputs import AnnouncementsInput
from gateway.http.openapi import answers, takes, takes_bytes
from gateway.http.problems import HttpFault, HttpReason, RequestAborted
from gateway.http.shapes import shape
from gateway.upload import Offer
from quire.batch.v1.batch_service_pb2 import AddDocumentsRequest, AddDocumentsResponse, DocumentAnnouncement
from quire.batch.v1.document_pb2 import Document

router = APIRouter(tags=["documents"])

TheFiling = Annotated[Filing, Depends(filing)]
# What command-line clients send when nobody told them a type.
_MEANINGLESS = frozenset({"application/x-www-form-urlencoded"})


@router.post(
    "/v1/batches/{batch_id}/documents",
    **answers(AddDocumentsResponse, 201),
    **takes(AnnouncementsInput, idempotent=True, form=True),
)
async def add_documents(batch_id: str, request: Request, desk: TheFiling) -> Response:
    """Announce documents (JSON), or announce and upload files as they arrive (form)."""
    if is_form(request):
        return await _file_all(batch_id, request, desk)
    body = await read_model(request, AnnouncementsInput)
    announced = [item.message() for item in body.documents]
    wanted = AddDocumentsRequest(request_id=desk.request_id, batch_id=batch_id, documents=announced)
    return answer(await desk.backend.ask(desk.backend.batch.AddDocuments, wanted, desk.caller), 201)


@router.put("/v1/batches/{batch_id}/documents/{document_id}/content", **answers(Document), **takes_bytes())
async def upload_content(
    batch_id: str, document_id: str, request: Request, caller: WhoAsks, uploads: TheUploads
) -> Response:
    """Upload the bytes of an announced document. Send it again from the start if it breaks off."""
    _refuse_form(request)
    offer = Offer(batch_id, document_id, content_length(request), _sha256(request), _told_type(request))
    return answer(await uploads.store(caller, offer, raw_bytes(request)))


class _FileName(Convertor[str]):
    """The rest of a path, whatever characters it has; `path` of the framework stops at a line feed."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("file_name", _FileName())


@router.put("/v1/batches/{batch_id}/files/{name:file_name}", **answers(Document, 201), **takes_bytes(idempotent=True))
async def put_file(batch_id: str, name: str, request: Request, desk: TheFiling) -> Response:
    """Announce a document by its file name and upload its bytes, in one go. Each call makes a document."""
    _refuse_form(request)
    size = content_length(request)
    if size == 0:
        raise invalid({"size_bytes": "the file holds no bytes"}, FailureCode.FILE_EMPTY)
    announced = DocumentAnnouncement(
        name=name, size_bytes=size or 0, sha256=_sha256(request), media_type=_told_type(request)
    )
    return answer(await desk.file(batch_id, announced, raw_bytes(request), "file 0"), 201)


async def _file_all(batch_id: str, request: Request, desk: Filing) -> Response:
    stored: list[Document] = []
    try:
        async for part in parts_of(request):
            stored.append(await desk.file_part(batch_id, part, len(stored)))
    except ClientDisconnect:
        raise
    except Exception as error:
        raise RequestAborted(error, {"documents": [shape(document) for document in stored]}) from error
    if not stored:
        raise invalid({"files": "at least one file"})
    return answer_values({"documents": [shape(document) for document in stored], "batch": None}, 201)


def _refuse_form(request: Request) -> None:
    if is_form(request):
        message = "send the bytes of the file as the body; forms go to POST /v1/batches/{id}/documents"
        raise HttpFault(415, HttpReason.MEDIA_TYPE_UNSUPPORTED, message)


def _told_type(request: Request) -> str:
    told = media_type(request)
    return "" if told in _MEANINGLESS else told


def _sha256(request: Request) -> str:
    """The announced SHA-256, from `Content-Digest` (RFC 9530) or `X-Content-SHA256` (hex)."""
    if "content-md5" in request.headers:
        raise invalid({"Content-MD5": "is not checked here; send Content-Digest with sha-256"})
    plain = request.headers.get("x-content-sha256", "")
    if plain:
        return _hex_sha256(plain)
    digest = request.headers.get("content-digest", "")
    return _digest_sha256(digest) if digest else ""


def _hex_sha256(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise invalid({"X-Content-SHA256": "must be 64 hex digits"})
    return text.lower()


def _digest_sha256(header: str) -> str:
    found = re.search(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{1,88}):", header)
    try:
        raw = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise invalid({"Content-Digest": "must hold `sha-256=:<base64 of 32 bytes>:`"})
    return raw.hex()
