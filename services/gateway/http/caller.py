"""Who asks and what stands behind the doors, as dependencies of the routes."""

import uuid
from typing import Annotated

from fastapi import Depends, Request

from chassis.errors import invalid, unauthenticated
from gateway.backend import Backend, Caller
from gateway.http.drain import Drain
from gateway.upload import Uploads

IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255
# Part of the contract: the same key must give the same request id in every release.
KEY_NAMESPACE = uuid.UUID("5f6b3c52-7f0e-5d0a-9a41-6f1f0c6f9d11")


async def bearer(request: Request) -> Caller:
    """The caller's credential, not judged here; raises CallError when there is none."""
    value = ",".join(request.headers.getlist("authorization"))
    scheme, _, key = value.partition(" ")
    if scheme.lower() != "bearer" or not key.strip() or not (value.isascii() and value.isprintable()) or "," in value:
        raise unauthenticated("send the header `Authorization: Bearer <API key or token>`, once")
    return Caller(f"Bearer {key.strip()}")


async def request_id(request: Request) -> str:
    """Request id of the Idempotency-Key: a UUID as it is, other text as its UUIDv5, a fresh one without the header.

    A fresh one still makes the gateway's own repeats harmless.
    """
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return str(uuid.uuid4())
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise invalid({IDEMPOTENCY_HEADER: f"1 to {MAX_KEY_CHARACTERS} characters"})
    try:
        return str(uuid.UUID(key))
    except ValueError:
        return str(uuid.uuid5(KEY_NAMESPACE, key))


async def has_key(request: Request) -> bool:
    """Whether the caller means to send the same request again if it fails."""
    return IDEMPOTENCY_HEADER in request.headers


def derived_id(base: str, step: str) -> str:
    """Request id of one step of a request that takes several calls."""
    return str(uuid.uuid5(uuid.UUID(base), step))


async def _backend(request: Request) -> Backend:
    return request.app.state.backend


async def _uploads(request: Request) -> Uploads:
    return request.app.state.uploads


async def _drain(request: Request) -> Drain:
    return request.app.state.drain


WhoAsks = Annotated[Caller, Depends(bearer)]
RequestId = Annotated[str, Depends(request_id)]
HasKey = Annotated[bool, Depends(has_key)]
TheBackend = Annotated[Backend, Depends(_backend)]
TheUploads = Annotated[Uploads, Depends(_uploads)]
TheDrain = Annotated[Drain, Depends(_drain)]
