"""Tokens: JWTs an OIDC issuer signed (RFC 7519, RFC 8725); they name tenant and user."""

import time
from typing import Any
from uuid import UUID

import jwt
from jwt import exceptions

from batch.identity.callers import Caller, Known
from batch.identity.issuer_keys import IssuerKeys
from batch.settings import OidcSettings
from batch.store import tenants
from batch.store.database import Database
from chassis.errors import CallError, CallReason, unauthenticated

MOST_CHARACTERS = 8 * 1024
LONGEST_NAME = 200
LEEWAY_SECONDS = 30.0
_REQUIRED = ["exp", "iat", "aud", "iss", "sub"]
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.InvalidAudienceError, "it is for another audience"),
    (exceptions.InvalidIssuerError, "another issuer made it"),
    (exceptions.ImmatureSignatureError, "its time has not come yet"),
    (exceptions.MissingRequiredClaimError, f"it needs the claims {', '.join(_REQUIRED)}"),
    (exceptions.InvalidSignatureError, "its signature does not fit"),
    (exceptions.InvalidAlgorithmError, "its algorithm is not the one of the key"),
)


class Tokens:
    """Knows whom tokens act for."""

    def __init__(self, database: Database, settings: OidcSettings, keys: IssuerKeys) -> None:
        self._database = database
        self._settings = settings
        self._keys = keys

    async def owner(self, token: str) -> Known:
        """Verify a token and find whom it acts for; raises UNAUTHENTICATED, or UNAVAILABLE without keys."""
        claims = await self._verified(token)
        user = _name(claims, "sub")
        tenant_id = await self._tenant(_name(claims, self._settings.oidc_tenant_claim))
        return Known(Caller(tenant_id, user), claims["exp"] + LEEWAY_SECONDS - time.time())

    async def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > MOST_CHARACTERS:
            raise _invalid(f"it has more than {MOST_CHARACTERS} characters")
        key = await self._keys.find(_key_id(token))
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],  # of the issuer's key, never of the token
                issuer=self._settings.oidc_issuer,
                audience=self._settings.oidc_audience,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except exceptions.ExpiredSignatureError as error:
            raise unauthenticated("this token has expired; get a new one", CallReason.TOKEN_EXPIRED) from error
        except (exceptions.PyJWTError, ValueError, OverflowError, TypeError, RecursionError) as error:
            raise _invalid(_cause(error)) from error

    async def _tenant(self, named: str) -> UUID:
        async with self._database.engine() as tx:
            found = await tenants.find(tx, _id_or_nil(named), named)
        if found is None:
            raise _invalid("there is no such tenant")
        return found


def _id_or_nil(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (exceptions.PyJWTError, ValueError) as error:
        raise _invalid("it is malformed") from error
    if "crit" in header:
        raise _invalid("it asks for an extension (crit) that is not known")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise _invalid("it names no key (kid)")
    return kid


def _name(claims: dict[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_NAME or "\0" in value:
        raise _invalid(f"its claim {claim} must have 1 to {LONGEST_NAME} characters")
    return value


def _cause(error: Exception) -> str:
    return next((words for kind, words in _CAUSES if isinstance(error, kind)), "it is malformed")


def _invalid(cause: str) -> CallError:
    return unauthenticated(f"this token is not valid: {cause}", CallReason.TOKEN_INVALID)
