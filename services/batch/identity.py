"""Who calls: tenants by API key, the gateway, workers and operators each by a credential of their own.

A key reads `quire_<prefix>_<secret>`; only its prefix and an HMAC-SHA256 under the pepper are kept (256 random bits
need no password hash). The tenant comes from here and from nowhere else.
"""

import hashlib
import hmac
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc

from batch.settings import BatchSettings
from batch.store import tenants
from batch.store.database import Database
from chassis.errors import forbidden, unauthenticated
from chassis.logs import get_logger
from chassis.rpc_client import AUTHORIZATION_KEY, SERVICE_TOKEN_KEY

log = get_logger()

KEY_SCHEME = "quire"
REMEMBERED_SECONDS = 10.0
REMEMBERED_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant's user."""

    tenant_id: UUID
    user_id: str


_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """The tenant's user on whose behalf this call runs."""
    return _caller.get()


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key; the secret is shown once and never kept."""

    secret: str
    prefix: str
    key_hash: bytes


def mint_key(pepper: str) -> MintedKey:
    """Make a key."""
    prefix = f"{KEY_SCHEME}_{secrets.token_hex(6)}"
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    return MintedKey(secret, prefix, hash_key(pepper, secret))


def hash_key(pepper: str, secret: str) -> bytes:
    """What is kept of a key."""
    return hmac.digest(pepper.encode(), secret.encode(), hashlib.sha256)


class Identity:
    """Admits calls: which credential a service asks for, and whether the call carries it."""

    def __init__(self, settings: BatchSettings, database: Database) -> None:
        self._pepper = settings.key_pepper.get_secret_value()
        self._database = database
        self._remembered: dict[str, tuple[float, Caller]] = {}
        self._service_tokens = {
            "quire.intake.v1.IntakeService": settings.gateway_token.get_secret_value(),
            "quire.work.v1.WorkService": settings.worker_token.get_secret_value(),
            "quire.admin.v1.AdminService": settings.admin_token.get_secret_value(),
        }

    async def enter(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Admit a call or raise; bind the caller where a tenant's credential is asked for."""
        service = method.split("/")[1]
        metadata = {key: str(value) for key, value in context.invocation_metadata() or ()}
        if service in self._service_tokens:
            self._check_service(service, metadata)
        if service in ("quire.batch.v1.BatchService", "quire.intake.v1.IntakeService"):
            _caller.set(await self._tenant_of(metadata))

    def _check_service(self, service: str, metadata: dict[str, str]) -> None:
        token = metadata.get(SERVICE_TOKEN_KEY, "")
        if not hmac.compare_digest(token.encode(), self._service_tokens[service].encode()):
            if AUTHORIZATION_KEY in metadata or token:
                raise forbidden(f"{service} is not for this credential")
            raise unauthenticated(f"{service} needs {SERVICE_TOKEN_KEY} in the metadata")

    async def _tenant_of(self, metadata: dict[str, str]) -> Caller:
        scheme, _, key = metadata.get(AUTHORIZATION_KEY, "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise unauthenticated("send an API key as `authorization: Bearer quire_…`")
        known = self._remembered.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = await self._find(key)
        if len(self._remembered) >= REMEMBERED_KEYS:
            self._remembered.clear()
        self._remembered[key] = (time.monotonic() + REMEMBERED_SECONDS, found)
        return found

    async def _find(self, key: str) -> Caller:
        prefix = "_".join(key.split("_", 2)[:2])
        async with self._database.engine() as tx:
            owner = await tenants.find_key(tx, prefix)
        if owner is None or not hmac.compare_digest(owner.key_hash, hash_key(self._pepper, key)):
            self._remembered.pop(key, None)
            raise unauthenticated("this API key is not valid, was revoked or has expired")
        return Caller(owner.tenant_id, owner.user_id)
