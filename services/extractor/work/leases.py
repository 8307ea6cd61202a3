"""The leases this worker holds, and the way to stop the attempt behind each."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from time import monotonic
from typing import Any, TypeVar

from extractor.work.cancellation import is_cancelled

T = TypeVar("T")


class StopCause(Enum):
    """Why an attempt must stop before it is done."""

    CANCELLED = auto()
    """The owner cancelled; answer so."""
    REVOKED = auto()
    """The lease is another's, or ran out: nobody wants an answer."""
    DRAINED = auto()
    """This worker ends; give the document back."""


class Lease:
    """One held lease: what runs under it can be stopped from outside."""

    def __init__(self, token: str, cause: StopCause | None = None) -> None:
        self.token = token
        self.granted_at = monotonic()
        self.cause = cause
        self._work: asyncio.Future[Any] | None = None
        self._lost = asyncio.Event()

    @property
    def lost(self) -> bool:
        """Whether nobody wants to hear of the attempt any more."""
        return self.cause is StopCause.REVOKED

    def stop(self, cause: StopCause) -> None:
        """Stop what runs. A revocation overrules; otherwise the first cause stands."""
        if self.cause is None or cause is StopCause.REVOKED:
            self.cause = cause
        if cause is StopCause.REVOKED:
            self._lost.set()
        if self._work is not None:
            self._work.cancel()

    async def run(self, work: Coroutine[Any, Any, T]) -> T | StopCause:
        """Run to the end, or until stopped; work that ends in the same moment has ended."""
        self._work = asyncio.ensure_future(work)
        if self.cause is not None:
            self._work.cancel()
        try:
            return await self._work
        except asyncio.CancelledError:
            if self.cause is None or is_cancelled():
                raise
            return self.cause

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the lease is held."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lost.wait()


class Leases:
    """All leases of the process."""

    def __init__(self) -> None:
        self._held: dict[str, Lease] = {}
        self._draining = False

    @property
    def tokens(self) -> list[str]:
        """Tokens to beat for."""
        return list(self._held)

    @contextmanager
    def hold(self, token: str) -> Generator[Lease]:
        """Hold a lease until its outcome is known to the batch service."""
        lease = Lease(token, StopCause.DRAINED if self._draining else None)
        self._held[token] = lease
        try:
            yield lease
        finally:
            del self._held[token]

    def stop(self, token: str, cause: StopCause) -> None:
        """Stop one attempt; one that is not here has ended already."""
        lease = self._held.get(token)
        if lease is not None:
            lease.stop(cause)

    def revoke_outlived(self, beaten_at: float, lease_seconds: float) -> int:
        """Stop what was neither granted nor beaten for within the time a lease lasts, untold; answers how many.

        A claim grants a lease while the line of life is still broken: that one is as fresh as any.
        """
        since = monotonic() - lease_seconds
        outlived = [one for one in self._held.values() if max(one.granted_at, beaten_at) < since and not one.lost]
        for lease in outlived:
            lease.stop(StopCause.REVOKED)
        return len(outlived)

    def drain(self) -> int:
        """Give back what runs, and what would still be claimed; answers how many."""
        self._draining = True
        for lease in self._held.values():
            lease.stop(StopCause.DRAINED)
        return len(self._held)
