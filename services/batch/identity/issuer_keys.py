"""The issuer's keys, kept: fresh while it answers, as they were for a while when it does not."""

import asyncio
import time
from math import inf

from jwt import PyJWK

from batch.identity.issuer import Issuer, IssuerAway, Keys
from chassis.errors import CallReason, unauthenticated, unavailable
from chassis.logs import get_logger

log = get_logger()

FRESH_SECONDS = 60.0
"""A key the issuer no longer lists is trusted no longer than this, while the issuer answers."""
RETRY_SECONDS = 2.0
REFETCH_SECONDS = 10.0
"""Tokens with unknown keys make Quire ask the issuer no more often than this."""
KEPT_SECONDS = 24 * 3600.0
"""How long known keys are trusted while the issuer does not answer."""


class IssuerKeys:
    """Knows which key is meant by a `kid`; only the issuer's own set is ever looked at."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._fetching = asyncio.Lock()
        self._keys: Keys = {}
        self._kept_until = self._tried_at = -inf
        self._reached = False

    async def run(self) -> None:
        """Keep the keys fresh for as long as the process lives."""
        while True:
            async with self._fetching:
                await self._fetch()
            await asyncio.sleep(FRESH_SECONDS if self._reached else RETRY_SECONDS)

    async def find(self, kid: str) -> PyJWK:
        """Answer a key; one that is not known may be new, so the issuer is asked.

        Raises:
            CallError: UNAUTHENTICATED, or UNAVAILABLE while the issuer cannot be asked.
        """
        found = self._known(kid)
        if found is None:
            async with self._fetching:
                if time.monotonic() - self._tried_at >= REFETCH_SECONDS:
                    await self._fetch()
            found = self._known(kid)
        if found is not None:
            return found
        if not self._reached:
            raise unavailable("the issuer of tokens", RETRY_SECONDS)
        raise unauthenticated("this token is not valid: no key of the issuer's signed it", CallReason.TOKEN_INVALID)

    def _known(self, kid: str) -> PyJWK | None:
        return self._keys.get(kid) if time.monotonic() < self._kept_until else None

    async def _fetch(self) -> None:
        self._tried_at = time.monotonic()
        try:
            keys = await self._issuer.keys()
        except IssuerAway as error:
            self._reached = False
            log.warning("issuer_keys_awaited", error=str(error), known=len(self._keys))
            return
        if keys.keys() != self._keys.keys():
            log.info("issuer_keys_changed", keys=sorted(keys))
        self._keys, self._reached = keys, True
        self._kept_until = time.monotonic() + KEPT_SECONDS
