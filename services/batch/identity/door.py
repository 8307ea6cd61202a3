"""Admits calls: which credential a service asks for, and whether the call carries it."""

import hashlib
import hmac
import time
from typing import Any

import grpc

from batch.identity.api_keys import ApiKeys, is_key, prefix_of
from batch.identity.callers import Caller, Known, act_for
from batch.identity.tokens import Tokens
from batch.settings import BatchSettings
from chassis.errors import CallError, forbidden, unauthenticated
from chassis.logs import add_to_lines, get_logger
from chassis.rpc_client import AUTHORIZATION_KEY, SERVICE_TOKEN_KEY

log = get_logger()

REMEMBERED_SECONDS = 10.0
REMEMBERED_CREDENTIALS = 10_000
_FOR_TENANTS = frozenset({"quire.batch.v1.BatchService", "quire.intake.v1.IntakeService"})
_CREDENTIALS = (AUTHORIZATION_KEY, SERVICE_TOKEN_KEY)

Metadata = dict[str, str]


class Identity:
    """Knows who may enter where."""

    def __init__(self, settings: BatchSettings, keys: ApiKeys, tokens: Tokens | None) -> None:
        """Without `tokens`, API keys alone are taken."""
        self._keys = keys
        self._tokens = tokens
        self._remembered: dict[bytes, tuple[float, Caller]] = {}
        self._service_tokens = {
            "quire.intake.v1.IntakeService": settings.gateway_token.get_secret_value(),
            "quire.work.v1.WorkService": settings.worker_token.get_secret_value(),
            "quire.admin.v1.AdminService": settings.admin_token.get_secret_value(),
        }

    async def enter(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        """Admit a call or raise; bind the caller where a tenant's credential is asked for."""
        metadata = _credentials(context)
        try:
            await self._admit(method.split("/")[1], metadata)
        except CallError as error:
            if error.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
                prefix = prefix_of(_bearer(metadata)) or None
                log.warning("credential_refused", reason=str(error.reason), key_prefix=prefix, peer=context.peer())
            raise

    async def _admit(self, service: str, metadata: Metadata) -> None:
        if service in self._service_tokens:
            self._check_service(service, metadata)
        if service in _FOR_TENANTS:
            found = await self._tenant_of(metadata)
            act_for(found)
            add_to_lines(tenant_id=str(found.tenant_id), user_id=found.user_id)

    def _check_service(self, service: str, metadata: Metadata) -> None:
        token = metadata.get(SERVICE_TOKEN_KEY, "")
        if not hmac.compare_digest(token.encode(), self._service_tokens[service].encode()):
            if AUTHORIZATION_KEY in metadata or token:
                raise forbidden(f"{service} is not for this credential")
            raise unauthenticated(f"{service} needs {SERVICE_TOKEN_KEY} in the metadata")

    async def _tenant_of(self, metadata: Metadata) -> Caller:
        credential = _bearer(metadata)
        if not credential:
            raise unauthenticated("send an API key as `authorization: Bearer quire_…`")
        # Kept by digest: a credential need not lie about in memory, and is up to 16 kB long.
        digest = hashlib.sha256(credential.encode()).digest()
        until, remembered = self._remembered.get(digest, (0.0, None))
        if remembered is not None and until > time.monotonic():
            return remembered
        self._remembered.pop(digest, None)
        known = await self._find(credential)
        if len(self._remembered) >= REMEMBERED_CREDENTIALS:
            self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + min(REMEMBERED_SECONDS, known.good_for_seconds), known.caller)
        return known.caller

    async def _find(self, credential: str) -> Known:
        if self._tokens is None or is_key(credential):
            return await self._keys.owner(credential)
        return await self._tokens.owner(credential)


def _credentials(context: grpc.aio.ServicerContext[Any, Any]) -> Metadata:
    """Each stands once: the wall around the doors has seen to that."""
    return {key: str(value) for key, value in context.invocation_metadata() or () if key in _CREDENTIALS}


def _bearer(metadata: Metadata) -> str:
    scheme, _, credential = metadata.get(AUTHORIZATION_KEY, "").partition(" ")
    return credential if scheme.lower() == "bearer" else ""
