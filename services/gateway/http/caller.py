"""Who asks and what stands behind the doors, as dependencies of the routes."""

import re
import uuid
from typing import Annotated

from fastapi import Depends, Request

from chassis.errors import invalid, unauthenticated
from gateway.backend import Backend, Caller
from gateway.http.drain import Drain
from gateway.http.problems import HttpFault, HttpReason
from gateway.http.same_origin import SAFE_METHODS, refuse_strangers
from gateway.http.sessions import Sessions
from gateway.upload import Uploads

IDEMPOTENCY_HEADER = "Idempotency-Key"
MAX_KEY_CHARACTERS = 255
_CREDENTIAL = re.compile(r"[!-+\--~]+")
# Part of the contract: the same key must give the same request id in every release.
KEY_NAMESPACE = uuid.UUID("5f6b3c52-7f0e-5d0a-9a41-6f1f0c6f9d11")


async def bearer(request: Request) -> Caller:
    """The caller's credential, not judged here; raises CallError when there is none."""
    value = ",".join(request.headers.getlist("authorization"))
    scheme, _, credential = value.partition(" ")
    if scheme.lower() != "bearer":
        raise unauthenticated("send the header `Authorization: Bearer <API key or token>`, once")
    return caller_of(credential)


def caller_of(credential: str) -> Caller:
    """Whoever has a credential; raises CallError for what cannot be one."""
    if not _CREDENTIAL.fullmatch(credential.strip(" ")):
        raise unauthenticated("an API key or a token is one word of printable ASCII characters, and is sent once")
    return Caller(f"Bearer {credential.strip(' ')}")


async def who_asks(request: Request) -> Caller:
    """The caller: by the header, or by the sign-in of a page; raises CallError when there is none."""
    sessions: Sessions | None = request.app.state.sessions
    credential = sessions.opened(request) if sessions and "authorization" not in request.headers else None
    if credential is None:
        return await bearer(request)
    if request.method not in SAFE_METHODS:
        refuse_strangers(request)
    return caller_of(credential)


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


async def _sessions(request: Request) -> Sessions:
    sessions: Sessions | None = request.app.state.sessions
    if sessions is None:
        message = "this gateway offers no sign-in (QUIRE_SESSION_KEYS is not set); send `Authorization`"
        raise HttpFault(501, HttpReason.SIGN_IN_NOT_OFFERED, message)
    return sessions


async def _drain(request: Request) -> Drain:
    return request.app.state.drain


WhoAsks = Annotated[Caller, Depends(who_asks)]
RequestId = Annotated[str, Depends(request_id)]
HasKey = Annotated[bool, Depends(has_key)]
TheBackend = Annotated[Backend, Depends(_backend)]
TheUploads = Annotated[Uploads, Depends(_uploads)]
TheSessions = Annotated[Sessions, Depends(_sessions)]
TheDrain = Annotated[Drain, Depends(_drain)]
