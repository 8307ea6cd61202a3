"""AdminService, API keys: create, list, rotate, revoke."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from uuid_utils.compat import uuid7

from batch.identity.api_keys import mint_key
from batch.once import once
from batch.store import tenants
from batch.store.database import Database, Tx
from batch.store.tenants import KeyRow, NewKey
from batch.wire import paging
from batch.wire.fields import Violations, only
from batch.wire.moments import timestamp
from chassis.errors import CallError, CallReason, not_found, precondition
from quire.admin.v1 import admin_service_pb2, tenant_pb2

USUAL_OVERLAP_SECONDS = 24 * 3600.0
LONGEST_OVERLAP_SECONDS = 7 * 24 * 3600.0


def key_message(row: KeyRow) -> tenant_pb2.ApiKey:
    """A key as operators see it."""
    return tenant_pb2.ApiKey(
        id=str(row.id),
        tenant_id=str(row.tenant_id),
        user_id=row.user_id,
        name=row.name,
        prefix=row.prefix,
        create_time=timestamp(row.created_at),
        revoke_time=timestamp(row.revoked_at),
        expire_time=timestamp(row.expires_at),
    )


class CreateApiKey:
    """Makes keys."""

    def __init__(self, database: Database, pepper: str) -> None:
        self._database = database
        self._pepper = pepper

    async def __call__(
        self, request: admin_service_pb2.CreateApiKeyRequest, _: object
    ) -> admin_service_pb2.CreateApiKeyResponse:
        """Answer the key and its secret."""
        violations = Violations()
        tenant_id = violations.uuid("tenant_id", request.tenant_id)
        violations.text("user_id", request.user_id, 200)
        violations.text("name", request.name, 200)
        expires = _expiry(violations, request)
        violations.check()
        minted = mint_key(self._pepper)
        new = NewKey(uuid7(), tenant_id, request.user_id, request.name, minted.prefix, minted.key_hash, expires)
        answer = admin_service_pb2.CreateApiKeyResponse
        try:
            async with self._database.engine() as tx:
                made = await once(tx, tenant_id, request, answer, lambda: _insert(tx, new))
        except IntegrityError as error:
            raise not_found("tenant", request.tenant_id) from error
        if made.api_key.id == str(new.id):  # the answer that is kept for repeats has no secret
            made.secret = minted.secret
        return made


async def _insert(tx: Tx, new: NewKey) -> admin_service_pb2.CreateApiKeyResponse:
    return admin_service_pb2.CreateApiKeyResponse(api_key=key_message(await tenants.insert_key(tx, new)))


def _expiry(
    violations: Violations, request: admin_service_pb2.CreateApiKeyRequest | admin_service_pb2.RotateApiKeyRequest
) -> datetime | None:
    if not request.HasField("expire_time"):
        return None
    try:
        return request.expire_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        violations.add("expire_time", "must be from the year 1 to the year 9999")
        return None


class ListApiKeys:
    """Reads pages of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.ListApiKeysRequest, _: object
    ) -> admin_service_pb2.ListApiKeysResponse:
        """Answer a page, oldest first."""
        tenant_id = only(Violations(), "tenant_id", request.tenant_id)
        query = paging.query_of("admin", request)
        place = paging.place_of(request.page_token, query, UUID)
        size = paging.page_size(request.page_size, 50)
        async with self._database.engine() as tx:
            found = await tenants.list_keys(tx, tenant_id, place[0] if place else UUID(int=0), size + 1)
        page = found[:size]
        return admin_service_pb2.ListApiKeysResponse(
            api_keys=[key_message(row) for row in page],
            next_page_token=paging.token(query, [str(page[-1].id)]) if len(found) > size else "",
        )


class RotateApiKey:
    """Replaces keys."""

    def __init__(self, database: Database, pepper: str) -> None:
        self._database = database
        self._pepper = pepper

    async def __call__(
        self, request: admin_service_pb2.RotateApiKeyRequest, _: object
    ) -> admin_service_pb2.RotateApiKeyResponse:
        """Answer the new key, its secret, and the old key."""
        violations = Violations()
        key_id = violations.uuid("api_key_id", request.api_key_id)
        overlap = _overlap_seconds(violations, request)
        expires = _expiry(violations, request)
        violations.check()
        minted = mint_key(self._pepper)
        async with self._database.engine() as tx:
            replaced = await tenants.expire_key(tx, key_id, overlap)
            if replaced is None:
                raise await _cannot_rotate(tx, key_id)
            owner = (replaced.tenant_id, replaced.user_id, replaced.name)
            row = await tenants.insert_key(tx, NewKey(uuid7(), *owner, minted.prefix, minted.key_hash, expires))
        return admin_service_pb2.RotateApiKeyResponse(
            api_key=key_message(row), secret=minted.secret, replaced=key_message(replaced)
        )


def _overlap_seconds(violations: Violations, request: admin_service_pb2.RotateApiKeyRequest) -> float:
    if not request.HasField("overlap"):
        return USUAL_OVERLAP_SECONDS
    seconds = request.overlap.seconds + request.overlap.nanos / 1e9
    violations.within("overlap", seconds, 0, LONGEST_OVERLAP_SECONDS)
    return seconds


async def _cannot_rotate(tx: Tx, key_id: UUID) -> CallError:
    if await tenants.get_key(tx, key_id) is None:
        return not_found("API key", str(key_id))
    return precondition(CallReason.API_KEY_VOID, "this API key was revoked or has expired; create another one")


class RevokeApiKey:
    """Revokes keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, request: admin_service_pb2.RevokeApiKeyRequest, _: object
    ) -> admin_service_pb2.RevokeApiKeyResponse:
        """Answer the revoked key."""
        key_id = only(Violations(), "api_key_id", request.api_key_id)
        async with self._database.engine() as tx:
            row = await tenants.revoke_key(tx, key_id)
        if row is None:
            raise not_found("API key", request.api_key_id)
        return admin_service_pb2.RevokeApiKeyResponse(api_key=key_message(row))
