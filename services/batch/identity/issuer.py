"""The public keys an OIDC issuer signs with, fetched over HTTP within bounds of size and time."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from batch.settings import is_private

FETCH_SECONDS = 5.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 100
LEAST_RSA_BITS = 2048
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Asymmetric ones alone: with a symmetric one, whoever can verify could sign."""

Keys = Mapping[str, PyJWK]
"""Keys by their `kid`."""


class IssuerAway(Exception):
    """The issuer's keys cannot be had now; look at the issuer and at the way to it, Quire asks again by itself."""


class Issuer:
    """An OIDC issuer."""

    def __init__(self, name: str, jwks_url: str | None) -> None:
        self._name = name
        self._jwks_url = jwks_url

    async def keys(self) -> Keys:
        """Fetch all keys that may sign tokens.

        Raises:
            IssuerAway: it does not answer, or not with a usable set of keys.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS), httpx2.AsyncClient() as http:
                return _usable(await _fetch(http, self._jwks_url or await self._discover(http)))
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as error:
            raise IssuerAway(repr(error)) from error

    async def _discover(self, http: httpx2.AsyncClient) -> str:
        found = await _fetch(http, f"{self._name.rstrip('/')}/.well-known/openid-configuration")
        url = found.get("jwks_uri")
        if found.get("issuer") != self._name:
            raise IssuerAway(f"its configuration names another issuer, {found.get('issuer')!r}")
        if not isinstance(url, str) or not is_private(url):
            raise IssuerAway("the jwks_uri of its configuration is no https address")
        return url


async def _fetch(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    # Unpacking could make much of little.
    async with http.stream("GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"}) as answer:
        if answer.status_code != 200 or "content-encoding" in answer.headers:
            raise IssuerAway(f"{url} answers {answer.status_code}")
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > MOST_BYTES:
                raise IssuerAway(f"{url} answers more than {MOST_BYTES} bytes")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise IssuerAway(f"{url} answers no JSON") from error
    if not isinstance(found, dict):
        raise IssuerAway(f"{url} answers no JSON object")
    return cast("dict[str, Any]", found)


def _usable(jwks: dict[str, Any]) -> Keys:
    listed = jwks.get("keys")
    items = cast("list[Any]", listed)[:MOST_KEYS] if isinstance(listed, list) else []
    keys = {kid: key for item in items if (key := _key(item)) and (kid := key.key_id)}
    if not keys:
        raise IssuerAway("its set holds no key that may sign tokens")
    return keys


def _key(item: Any) -> PyJWK | None:
    try:
        key = PyJWK(item)
    except (PyJWTError, ValueError, TypeError, AttributeError, KeyError):  # a stranger's JSON, of any shape
        return None
    weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < LEAST_RSA_BITS
    for_signatures = key.public_key_use in (None, "sig")
    return key if key.algorithm_name in ALGORITHMS and for_signatures and not weak else None
