"""Any method of the contract, any route of the gateway, called by anybody about anything; what came back."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any, cast
from uuid import uuid4

import grpc
import httpx2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from deploy.local.home import REPOSITORY
from gateway.http.application import build_application
from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE
from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire.upload.v1.upload_service_pb2 import UploadDocumentRequest, UploadHeader
from tests.e2e.callers import BODY, Callers, Metadata, Subject, digest

FROM_A_PAGE = {"X-Quire-Request": "1", "Sec-Fetch-Site": "same-origin"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "FAILED_PRECONDITION",
    501: "UNIMPLEMENTED",
}
PROMPT = {"extraction_prompt": "the total"}
SECONDS = 15.0
NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is encrypted, and to read the machine's trust store takes longer than a call."""


@dataclass(frozen=True)
class Answer:
    """What a call came to."""

    code: str
    text: str
    """All that the caller was told of a refusal."""


def methods() -> dict[str, MethodDescriptor]:
    """Every method of every service in protos/, by service and name."""
    found: dict[str, MethodDescriptor] = {}
    for file in sorted((REPOSITORY / "protos").glob("quire/**/*_service.proto")):
        module = import_module(".".join(file.relative_to(REPOSITORY / "protos").with_suffix("").parts) + "_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            found |= {f"{service.name}.{method.name}": method for method in service.methods}
    return found


def routes() -> list[str]:
    """Every route the gateway has, those left out of its OpenAPI page too."""
    app = cast("Any", build_application)(*[None] * len(signature(build_application).parameters))
    return [f"{method} {path}" for path, method in _routes(app.router.routes) if method != "HEAD"]


def _routes(found: list[Any]) -> Iterator[tuple[str, str]]:
    for route in found:
        if router := getattr(route, "original_router", None):
            yield from _routes(router.routes)
        else:
            yield from ((route.path, method) for method in getattr(route, "methods", None) or {"GET"})


def _values(subject: Subject) -> dict[str, Any]:
    """Values of request fields by their names; a field that is not here stays empty."""
    return {
        "batch_id": subject.batch_id,
        "document_id": subject.document_id,
        "document_ids": [subject.document_id],
        "object_key": subject.object_key,
        "size_bytes": len(BODY),
        "sha256": digest(),
        "extraction_prompt": "the total",
        "output_schema": '{"type": "object", "properties": {"total": {"type": "number"}}}',
        "documents": [DocumentAnnouncement(name="b.txt")],
        "dispatch_id": str(uuid4()),
        "lease_token": str(uuid4()),
        "worker_id": "a worker",
        "ids": [str(uuid4())],
    }


async def _operators_values(callers: Callers) -> dict[str, Any]:
    """A tenant and a key of its own for each call that changes one."""
    metadata, env = callers.metadata("admin"), callers.env
    stub = import_module("quire.admin.v1.admin_service_pb2_grpc").AdminServiceStub
    calls = import_module("quire.admin.v1.admin_service_pb2")
    async with grpc.aio.insecure_channel(env["QUIRE_ENDPOINT"]) as channel:
        made = calls.CreateTenantRequest(name=f"subject {uuid4()}", tier=TIER_ENTERPRISE)
        tenant_id = (await stub(channel).CreateTenant(made, metadata=metadata)).tenant.id
        key = await stub(channel).CreateApiKey(calls.CreateApiKeyRequest(tenant_id=tenant_id), metadata=metadata)
    named = {"tenant_id": tenant_id, "api_key_id": key.api_key.id}
    return named | {"name": f"made {uuid4()}", "tier": TIER_ENTERPRISE}


async def ask_method(callers: Callers, caller: str, method: MethodDescriptor, subject: Subject) -> Answer:
    """Call a method and read its first answer."""
    service = method.containing_service
    env = callers.env["QUIRE_UPLOAD_ENDPOINT" if service.name == "UploadService" else "QUIRE_ENDPOINT"]
    extra = await _operators_values(callers) if service.name == "AdminService" else {}
    return await asyncio.to_thread(_ask, method, env, callers.metadata(caller), subject, extra)


def _ask(method: MethodDescriptor, address: str, metadata: Metadata, subject: Subject, extra: dict[str, Any]) -> Answer:
    """In a thread: an asyncio call that is refused while its requests are on their way may tell of that instead."""
    kind = ("stream_" if method.client_streaming else "unary_") + ("stream" if method.server_streaming else "unary")
    request, answer = cast("Any", GetMessageClass(method.input_type)), cast("Any", GetMessageClass(method.output_type))
    asked: Any = iter(_stream(request, subject)) if method.client_streaming else _asked(request, subject, extra)
    with grpc.insecure_channel(address) as channel:
        path = f"/{method.containing_service.full_name}/{method.name}"
        call = getattr(channel, kind)(path, request.SerializeToString, answer.FromString)
        try:
            answering = call(asked, metadata=metadata, timeout=SECONDS)
            if method.server_streaming:
                next(answering, None)
        except grpc.RpcError as raised:
            error = cast("Any", raised)  # what is raised is a call too
            told = [error.details(), *(repr(value) for _, value in error.trailing_metadata())]
            return Answer(error.code().name, _without(subject, " ".join(told)))
    return Answer("OK", "")


def _asked(request: Any, subject: Subject, extra: dict[str, Any]) -> Any:
    values = _values(subject) | extra
    return request(**{field.name: values[field.name] for field in request.DESCRIPTOR.fields if field.name in values})


def _stream(request: Any, subject: Subject) -> list[Any]:
    if request is not UploadDocumentRequest:
        return [request()]
    header = UploadHeader(batch_id=subject.batch_id, document_id=subject.document_id)
    return [UploadDocumentRequest(header=header), UploadDocumentRequest(chunk=BODY)]


_PLACES = re.compile(r"\{(\w+)(?::\w+)?\}")


async def ask_route(callers: Callers, caller: str, route: str, subject: Subject) -> Answer:
    """Make a request and read its status; of a refusal all of it."""
    method, path = route.split(" ", 1)
    named = {"batch_id": subject.batch_id, "document_id": subject.document_id, "name": "b.txt"}
    path = _PLACES.sub(lambda place: named[place[1]], path)
    body = _bodies(subject).get(route, {})
    headers = {**dict(callers.metadata(caller)), **body.pop("headers", {})}
    async with (
        httpx2.AsyncClient(
            base_url=callers.env["QUIRE_GATEWAY_URL"], timeout=SECONDS, trust_env=False, verify=NO_TRUST
        ) as http,
        http.stream(method, path, headers=headers, **body) as answer,
    ):
        if answer.status_code < 300:
            return Answer("OK", "")
        told = (await answer.aread()).decode()
        return Answer(STATUSES.get(answer.status_code, str(answer.status_code)), _without(subject, told))


def _bodies(subject: Subject) -> dict[str, dict[str, Any]]:
    """What is sent along, by route; nothing where it is not here."""
    return {
        "POST /v1/batches": {"json": PROMPT},
        "POST /v1/batches:extract": {"data": {"prompt": "the total"}, "files": {"file": ("a.txt", BODY)}},
        "POST /v1/batches/{batch_id}/documents": {"json": {"documents": [{"name": "b.txt"}]}},
        "POST /v1/batches/{batch_id}/documents:cancel": {"json": {"document_ids": [subject.document_id]}},
        "PUT /v1/batches/{batch_id}/documents/{document_id}/content": {"content": BODY},
        "PUT /v1/batches/{batch_id}/files/{name:file_name}": {"content": BODY},
        "POST /v1/session": {"headers": FROM_A_PAGE},
        "DELETE /v1/session": {"headers": FROM_A_PAGE},
    }


def _without(subject: Subject, told: str) -> str:
    """An answer without the ids that were asked for, to be compared with another one."""
    for number, identifier in enumerate(subject.ids):
        told = told.replace(identifier, f"<{number}>")
    return told
