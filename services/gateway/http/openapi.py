"""The OpenAPI document: answers described from the protos, bodies from the input models."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel
from starlette.responses import Response

from gateway.http.inputs import (
    AnnouncementsInput,
    BatchInput,
    CancelDocumentsInput,
    NothingInput,
    RetryInput,
    SealInput,
    SessionInput,
)
from gateway.http.same_origin import PAGE_HEADER
from gateway.http.sessions import COOKIE
from gateway.http.shapes import enum_names, field_name, is_embedded
from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import (
    AddDocumentsResponse,
    CancelDocumentsResponse,
    GetCallerResponse,
    GetLimitsResponse,
    GetUsageResponse,
    ListBatchesResponse,
    ListDocumentsResponse,
    RetryDocumentsResponse,
    WatchBatchResponse,
)
from quire.batch.v1.document_pb2 import DocumentResult

Values = dict[str, Any]

SUMMARY = "Batch document extraction that cannot lose a document."
_ANSWERS: tuple[type[Message], ...] = (
    Batch,
    AddDocumentsResponse,
    CancelDocumentsResponse,
    DocumentResult,
    GetCallerResponse,
    GetLimitsResponse,
    GetUsageResponse,
    ListBatchesResponse,
    ListDocumentsResponse,
    RetryDocumentsResponse,
    WatchBatchResponse,
)
_BODIES: tuple[type[BaseModel], ...] = (
    AnnouncementsInput,
    BatchInput,
    CancelDocumentsInput,
    NothingInput,
    RetryInput,
    SealInput,
    SessionInput,
)
_INTEGERS = frozenset(
    {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64}
)
_BYTES: Values = {"type": "string", "format": "binary"}
_PROBLEM: Values = {
    "type": "object",
    "description": "RFC 9457 problem details; docs/http.md lists the reasons.",
    "required": ["type", "title", "status", "detail", "reason"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:quire:error:NOT_FOUND"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "violations": {"type": "array", "items": {"type": "object"}},
        "quota": {"type": "object"},
        "retry_after": {"type": "number", "description": "seconds"},
        "category": {"type": "string"},
        "actor": {"type": "string"},
        "remedy": {"type": "string"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}

_SECURITY: Values = {
    "key": {"type": "http", "scheme": "bearer", "description": "an API key, or a token of the trusted issuer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"set by `POST /v1/session`; what is not GET needs `{PAGE_HEADER}: 1` from the same origin",
    },
}
_PROBLEMS: Values = {
    "default": {
        "description": "a problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def answers(message: type[Message], status: int = 200) -> Values:
    """Route arguments: answers one message as JSON, or a problem."""
    return _answers(status, "application/json", _reference(message.DESCRIPTOR.full_name), "done")


def answers_nothing(description: str) -> Values:
    """Route arguments: answers 204 without a body."""
    return {
        "response_class": Response,
        "status_code": 204,
        "responses": {204: {"description": description}} | _PROBLEMS,
    }


def answers_object(description: str) -> Values:
    """Route arguments: answers a JSON object."""
    return _answers(200, "application/json", {"type": "object"}, description)


def answers_lines(message: type[Message], media_type: str, description: str) -> Values:
    """Route arguments: answers one message a line."""
    return _streams(media_type, _reference(message.DESCRIPTOR.full_name), description)


def answers_events(names: Iterable[str], description: str) -> Values:
    """Route arguments: answers server-sent events of these names, each with JSON."""
    properties: Values = {
        "event": {"type": "string", "enum": list(names)},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer", "description": "milliseconds"},
    }
    return _streams("text/event-stream", {"type": "object", "properties": properties}, description)


def takes(body: type[BaseModel], *, idempotent: bool = False, form: bool = False) -> Values:
    """Route arguments: takes JSON, or also a form of files."""
    content: Values = {"application/json": {"schema": _reference(body.__name__)}}
    if form:
        files: Values = {"type": "object", "properties": {"file": {"type": "array", "items": _BYTES}}}
        content["multipart/form-data"] = {"schema": files}
    return _takes(content, idempotent=idempotent)


def takes_bytes(*, idempotent: bool = False) -> Values:
    """Route arguments: takes the bytes of a file."""
    return _takes({"application/octet-stream": {"schema": _BYTES}}, idempotent=idempotent)


def takes_one_shot(fields: Iterable[str]) -> Values:
    """Route arguments: takes a form of fields, then files."""
    properties: Values = {name: {"type": "string"} for name in fields}
    properties["file"] = {"type": "array", "items": _BYTES}
    schema: Values = {"type": "object", "required": ["prompt", "file"], "properties": properties}
    return _takes({"multipart/form-data": {"schema": schema}}, idempotent=True)


def describe(app: FastAPI) -> None:
    """Make the application answer /openapi.json with what its routes really take and answer."""
    app.openapi = _builder(app)


def _builder(app: FastAPI) -> Callable[[], Values]:
    def build() -> Values:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return build


def _document(app: FastAPI) -> Values:
    document = get_openapi(title=app.title, version=app.version, summary=SUMMARY, routes=app.routes)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    components = document.setdefault("components", {})
    components["schemas"] = _schemas()
    components["securitySchemes"] = _SECURITY
    document["security"] = [{name: []} for name in _SECURITY]
    return document


def _schemas() -> Values:
    found: Values = {"Problem": _PROBLEM}
    for message in _ANSWERS:
        _add_message(found, cast("Descriptor", message.DESCRIPTOR))
    for body in _BODIES:
        schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[body.__name__] = schema
    return found


def _add_message(found: Values, descriptor: Descriptor) -> None:
    if descriptor.full_name in found:
        return
    properties: Values = {}
    found[descriptor.full_name] = {"type": "object", "properties": properties}
    for field in descriptor.fields:
        properties[field_name(field)] = _field(field)
        if field.message_type and not field.message_type.full_name.startswith("google."):
            _add_message(found, field.message_type)


def _field(field: FieldDescriptor) -> Values:
    single = _single(field)
    return {"type": "array", "items": single} if field.is_repeated else single


def _single(field: FieldDescriptor) -> Values:
    if is_embedded(field):
        return {"type": ["object", "null"]}
    if field.enum_type:
        return {"type": ["string", "null"], "enum": [*enum_names(field.enum_type), None]}
    if field.message_type:
        return _message(field.message_type)
    if field.type in _INTEGERS:
        return {"type": "integer"}
    return {"type": "boolean"} if field.type == FieldDescriptor.TYPE_BOOL else {"type": "string"}


def _message(descriptor: Descriptor) -> Values:
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return {"type": ["string", "null"], "format": "date-time"}
    if descriptor.full_name == Duration.DESCRIPTOR.full_name:
        return {"type": ["string", "null"], "description": "seconds, e.g. `3600s`"}
    return _reference(descriptor.full_name)


def _reference(name: str) -> Values:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(status: int, media_type: str, schema: Values, description: str) -> Values:
    good: Values = {"description": description, "content": {media_type: {"schema": schema}}}
    return {"response_class": Response, "status_code": status, "responses": {status: good} | _PROBLEMS}


def _streams(media_type: str, item: Values, description: str) -> Values:
    good: Values = {"description": description, "content": {media_type: {"itemSchema": item}}}
    return {"response_class": Response, "responses": {200: good} | _PROBLEMS}


def _takes(content: Values, *, idempotent: bool) -> Values:
    extra: Values = {"requestBody": {"content": content}}
    if idempotent:
        key: Values = {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 255},
            "description": "the same key with the same request has its effect once",
        }
        extra["parameters"] = [key]
    return {"openapi_extra": extra}
