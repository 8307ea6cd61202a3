"""API keys: `quire_<prefix>_<secret>`.

Only the prefix and an HMAC-SHA256 under the pepper are kept; 256 random bits need no password hash.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from math import inf

from batch.identity.callers import Caller, Known
from batch.store import tenants
from batch.store.database import Database
from chassis.errors import unauthenticated

KEY_SCHEME = "quire"
_PREFIX = re.compile(rf"{KEY_SCHEME}_[0-9a-f]{{12}}(?=_)")


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


def is_key(credential: str) -> bool:
    """Whether a credential is meant as an API key."""
    return credential.startswith(f"{KEY_SCHEME}_")


def prefix_of(credential: str) -> str:
    """What may be told of a key, which finds it in the list of keys; empty for what has no such form."""
    found = _PREFIX.match(credential)
    return found[0] if found else ""


class ApiKeys:
    """Knows the owners of keys."""

    def __init__(self, database: Database, pepper: str) -> None:
        self._database = database
        self._pepper = pepper

    async def owner(self, key: str) -> Known:
        """Find whom a key acts for; raises UNAUTHENTICATED."""
        prefix = "_".join(key.split("_", 2)[:2])
        async with self._database.engine() as tx:
            found = await tenants.find_key(tx, prefix)
        if found is None or not hmac.compare_digest(found.key_hash, hash_key(self._pepper, key)):
            raise unauthenticated("this API key is not valid, was revoked or has expired")
        return Known(Caller(found.tenant_id, found.user_id), inf)
