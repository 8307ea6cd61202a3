"""`grpc.health.v1`, whose watchers are let go when the server ends: they would keep it waiting for nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


class Health:
    """What the server says of itself and of each of its services."""

    def __init__(self) -> None:
        self._servicer: Any = cast("Any", health).aio.HealthServicer()  # the stubs know only the blocking one
        self._watch_for_ever = self._servicer.Watch
        self._servicer.Watch = self._watch
        self._watching: set[asyncio.Future[None]] = set()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register its methods."""
        cast("Any", health_pb2_grpc).add_HealthServicer_to_server(self._servicer, server)

    async def serving(self, names: Sequence[str]) -> None:
        """Say SERVING, for the whole server and for services by name."""
        for name in ("", *names):
            await self._servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def not_serving(self) -> None:
        """Say NOT_SERVING for good."""
        await self._servicer.enter_graceful_shutdown()

    def let_go(self) -> None:
        """End every watch."""
        for watching in self._watching:
            watching.cancel()

    async def _watch(self, request: Any, context: Any) -> None:
        """Answer each change until the caller leaves or is let go."""
        watching: asyncio.Future[None] = asyncio.ensure_future(self._watch_for_ever(request, context))
        self._watching.add(watching)
        try:
            await asyncio.wait([watching])
        finally:
            self._watching.discard(watching)
            watching.cancel()
