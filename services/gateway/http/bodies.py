"""Request bodies: what may come, how much of it, and strict JSON."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from chassis.errors import invalid
from gateway.http.problems import HttpFault, HttpReason
from gateway.patience import STALL_SECONDS, patient

MAX_JSON_BYTES = 1024 * 1024
MAX_LENGTH = 2**63 - 1
Body = TypeVar("Body", bound=BaseModel)


def media_type(request: Request) -> str:
    """Media type of the body, lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def content_length(request: Request) -> int | None:
    """Announced length of the body; None when it comes in chunks of unknown total."""
    value = request.headers.get("content-length")
    if value is None:
        return None
    length = int(value)  # h11 lets digits pass and nothing else
    if length > MAX_LENGTH:
        message = f"a body holds at most {MAX_LENGTH} bytes"
        raise HttpFault(413, HttpReason.BODY_TOO_LARGE, message, {"Connection": "close"})
    return length


def refuse_encoded(request: Request) -> None:
    """Compressed bodies are not unpacked here: a small one could hold anything."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        message = f"Content-Encoding {encoding!r} is not accepted; send the bytes as they are"
        raise HttpFault(415, HttpReason.MEDIA_TYPE_UNSUPPORTED, message, {"Accept-Encoding": "identity"})


def raw_bytes(request: Request) -> AsyncIterator[bytes]:
    """The body as it arrives."""
    refuse_encoded(request)
    return patient(request.stream())


async def read_model(request: Request, model: type[Body]) -> Body:
    """The JSON body as a model; every fault in it is named."""
    _require_json(request)
    return validate(parse_strict(await _read(request)), model)


async def read_optional_model(request: Request, model: type[Body]) -> Body:
    """The JSON body as a model; no body at all is an empty object."""
    text = await _read(request)
    if not text.strip():
        return model()
    _require_json(request)
    return validate(parse_strict(text), model)


def _require_json(request: Request) -> None:
    kind = media_type(request)
    if kind != "application/json" and not kind.endswith("+json"):
        message = f"Content-Type {kind!r} is not accepted here; send application/json"
        raise HttpFault(415, HttpReason.MEDIA_TYPE_UNSUPPORTED, message, {"Accept-Post": "application/json"})


async def _read(request: Request) -> bytes:
    refuse_encoded(request)
    if (content_length(request) or 0) > MAX_JSON_BYTES:
        raise _too_large()
    text = bytearray()
    try:
        async with asyncio.timeout(STALL_SECONDS):
            async for chunk in request.stream():
                text += chunk
                if len(text) > MAX_JSON_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise HttpFault(408, HttpReason.REQUEST_TIMEOUT, "the body did not arrive in time; send it again") from error
    return bytes(text)


def _too_large() -> HttpFault:
    return HttpFault(413, HttpReason.BODY_TOO_LARGE, f"a JSON body holds at most {MAX_JSON_BYTES} bytes")


def parse_strict(text: bytes) -> Any:
    """Values of JSON text; raises HttpFault for what RFC 8259 forbids or leaves open."""
    try:
        return json.loads(
            text.decode(), object_pairs_hook=_without_repeats, parse_constant=_refuse, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        fault = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HttpFault(
            400, HttpReason.REQUEST_MALFORMED, f"the body is not JSON as RFC 8259 has it: {fault}"
        ) from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def validate(value: Any, model: type[Body]) -> Body:
    """A model of values; raises CallError naming every fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid({_path(item["loc"]): item["msg"] for item in error.errors()}) from error


def _path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return path.removeprefix(".") or "body"
