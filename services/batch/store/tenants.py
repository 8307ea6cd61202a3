"""Statements about tenants, their keys, their months and the calls they repeat."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from batch.store.database import Tx, columns, execute, json_text, row, rows


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A row of tenants."""

    id: UUID
    name: str
    tier: str
    limit_overrides: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of api_keys, without the hash."""

    id: UUID
    tenant_id: UUID
    user_id: str
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


_TENANT = "id, name, tier, limit_overrides, created_at"
_KEY = "id, tenant_id, user_id, name, prefix, created_at, expires_at, revoked_at"


async def get(tx: Tx, tenant_id: UUID, *, lock: bool = False) -> TenantRow | None:
    """Read a tenant; locked, nobody else admits anything for it meanwhile."""
    suffix = "FOR UPDATE" if lock else ""
    found = await row(tx, f"SELECT {_TENANT} FROM tenants WHERE id = :id {suffix}", id=tenant_id)
    return TenantRow(**columns(found)) if found else None


async def find(tx: Tx, tenant_id: UUID, name: str) -> UUID | None:
    """Find a tenant by its id, or else by its name."""
    statement = "SELECT id FROM tenants WHERE id = :id OR name = :name ORDER BY id = :id DESC LIMIT 1"
    found = await row(tx, statement, id=tenant_id, name=name)
    return found.id if found else None


async def create(tx: Tx, tenant_id: UUID, name: str, tier: str) -> TenantRow:
    """Insert a tenant, or read the one of that name."""
    statement = f"""
        INSERT INTO tenants (id, name, tier) VALUES (:id, :name, :tier)
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING {_TENANT}"""
    return TenantRow(**columns((await rows(tx, statement, id=tenant_id, name=name, tier=tier))[0]))


async def list_page(tx: Tx, after_name: str, limit: int) -> list[TenantRow]:
    """Read a page of tenants by name."""
    statement = f"SELECT {_TENANT} FROM tenants WHERE name > :after ORDER BY name LIMIT :limit"
    return [TenantRow(**columns(one)) for one in await rows(tx, statement, after=after_name, limit=limit)]


async def update(tx: Tx, tenant_id: UUID, tier: str | None, overrides: Mapping[str, int] | None) -> TenantRow | None:
    """Change what is not None."""
    statement = f"""
        UPDATE tenants SET tier = coalesce(:tier, tier),
               limit_overrides = coalesce(CAST(:overrides AS jsonb), limit_overrides)
         WHERE id = :id RETURNING {_TENANT}"""
    encoded = None if overrides is None else json_text(dict(overrides))
    found = await row(tx, statement, id=tenant_id, tier=tier, overrides=encoded)
    return TenantRow(**columns(found)) if found else None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to insert."""

    id: UUID
    tenant_id: UUID
    user_id: str
    name: str
    prefix: str
    key_hash: bytes
    expires_at: datetime | None


async def insert_key(tx: Tx, new: NewKey) -> KeyRow:
    """Insert a key."""
    statement = f"""
        INSERT INTO api_keys (id, tenant_id, user_id, name, prefix, key_hash, expires_at)
        VALUES (:id, :tenant_id, :user_id, :name, :prefix, :key_hash, :expires_at) RETURNING {_KEY}"""
    found = await rows(
        tx,
        statement,
        id=new.id,
        tenant_id=new.tenant_id,
        user_id=new.user_id,
        name=new.name,
        prefix=new.prefix,
        key_hash=new.key_hash,
        expires_at=new.expires_at,
    )
    return KeyRow(**columns(found[0]))


async def list_keys(tx: Tx, tenant_id: UUID, after: UUID, limit: int) -> list[KeyRow]:
    """Read a page of a tenant's keys, oldest first."""
    statement = f"SELECT {_KEY} FROM api_keys WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :limit"
    return [KeyRow(**columns(one)) for one in await rows(tx, statement, tenant=tenant_id, after=after, limit=limit)]


async def revoke_key(tx: Tx, key_id: UUID) -> KeyRow | None:
    """Make a key invalid; the first time counts."""
    statement = f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = :id RETURNING {_KEY}"
    found = await row(tx, statement, id=key_id)
    return KeyRow(**columns(found)) if found else None


async def get_key(tx: Tx, key_id: UUID) -> KeyRow | None:
    """Read a key, valid or not."""
    found = await row(tx, f"SELECT {_KEY} FROM api_keys WHERE id = :id", id=key_id)
    return KeyRow(**columns(found)) if found else None


async def expire_key(tx: Tx, key_id: UUID, seconds: float) -> KeyRow | None:
    """Let a valid key live on for so long at most; None when it is not valid, or unknown."""
    statement = f"""
        UPDATE api_keys SET expires_at = least(expires_at, now() + make_interval(secs => :seconds))
         WHERE id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) RETURNING {_KEY}"""
    found = await row(tx, statement, id=key_id, seconds=seconds)
    return KeyRow(**columns(found)) if found else None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Whom a valid key acts for."""

    tenant_id: UUID
    user_id: str
    key_hash: bytes


async def find_key(tx: Tx, prefix: str) -> KeyOwner | None:
    """Read the owner of a key that is neither revoked nor expired; the caller compares the hash."""
    statement = """
        SELECT tenant_id, user_id, key_hash FROM api_keys
         WHERE prefix = :prefix AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"""
    found = await row(tx, statement, prefix=prefix)
    return KeyOwner(**columns(found)) if found else None


@dataclass(frozen=True, slots=True)
class Month:
    """A tenant's use of this calendar month, UTC."""

    documents: int
    resets_at: datetime


_MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')::date"


async def month(tx: Tx, tenant_id: UUID) -> Month:
    """Read what a tenant has sealed this month."""
    statement = f"""
        SELECT coalesce((SELECT documents FROM usage_by_month WHERE tenant_id = :tenant AND month = {_MONTH}), 0) AS n,
               ({_MONTH} + interval '1 month') AT TIME ZONE 'UTC' AS resets_at"""
    found = (await rows(tx, statement, tenant=tenant_id))[0]
    return Month(int(found.n), found.resets_at)


async def add_to_month(tx: Tx, tenant_id: UUID, documents: int) -> None:
    """Count sealed documents, each once however often it is retried."""
    statement = f"""
        INSERT INTO usage_by_month (tenant_id, month, documents) VALUES (:tenant, {_MONTH}, :documents)
        ON CONFLICT (tenant_id, month) DO UPDATE SET documents = usage_by_month.documents + excluded.documents"""
    await execute(tx, statement, tenant=tenant_id, documents=documents)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The first answer to a request id."""

    fingerprint: bytes
    response: bytes


async def remember_request(
    tx: Tx, tenant_id: UUID, method: str, request_id: UUID, fingerprint: bytes
) -> Recorded | None:
    """Take a request id, waiting for whoever is just taking it; answers the record if it is taken already."""
    statement = """
        INSERT INTO idempotency_records (tenant_id, method, request_id, fingerprint)
        VALUES (:tenant, :method, :request, :fingerprint) ON CONFLICT DO NOTHING RETURNING request_id"""
    key = {"tenant": tenant_id, "method": method, "request": request_id}
    if await row(tx, statement, **key, fingerprint=fingerprint):
        return None
    known = """
        SELECT fingerprint, response FROM idempotency_records
         WHERE tenant_id = :tenant AND method = :method AND request_id = :request"""
    return Recorded(**columns((await rows(tx, known, **key))[0]))


async def record_response(tx: Tx, tenant_id: UUID, method: str, request_id: UUID, response: bytes) -> None:
    """Keep the first answer to a request id."""
    statement = """
        UPDATE idempotency_records SET response = :response
         WHERE tenant_id = :tenant AND method = :method AND request_id = :request"""
    await execute(tx, statement, tenant=tenant_id, method=method, request=request_id, response=response)


async def forget_requests(tx: Tx, older_than_hours: int) -> None:
    """Remove old request ids."""
    statement = "DELETE FROM idempotency_records WHERE created_at < now() - make_interval(hours => :hours)"
    await execute(tx, statement, hours=older_than_hours)
