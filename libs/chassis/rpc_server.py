"""A gRPC server that drains: health, reflection, one interceptor that maps errors, and a part for the lifecycle."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from chassis.lifecycle import DrainCutShort, Part
from chassis.logs import get_logger
from chassis.rpc_health import Health
from chassis.tls import ServerTls

log = get_logger()

STREAM_GRACE_SECONDS = 5.0
_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Of one connection. A gateway holds the watches of all its users on one (QUIRE_STREAMS_AT_ONCE), and its calls.
    ("grpc.max_concurrent_streams", 2560),
)

Register = Callable[[grpc.aio.Server], object]


class RpcServer(Part):
    """Serves gRPC on one address; SERVING once started, NOT_SERVING before it stops."""

    def __init__(
        self,
        listen: str,
        *,
        registrations: Sequence[Register],
        service_names: Sequence[str],
        tls: ServerTls | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
        on_drain: Callable[[], Awaitable[None]] | None = None,
        notice_seconds: float = 0.0,
        grace_seconds: float = STREAM_GRACE_SECONDS,
    ) -> None:
        self._listen = listen
        self._registrations = registrations
        self._service_names = service_names
        self._tls = tls
        self._interceptors = interceptors
        self._on_drain = on_drain
        self._notice_seconds = notice_seconds
        self._grace_seconds = grace_seconds
        self._health = Health()
        self._server: grpc.aio.Server | None = None

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """The server does not end by itself."""
        return None

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            RuntimeError: the address cannot be bound.
        """
        server = grpc.aio.server(interceptors=list(self._interceptors), options=_OPTIONS)
        for register in self._registrations:
            register(server)
        self._health.add_to(server)
        names = (*self._service_names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        if self._tls is None:
            server.add_insecure_port(self._listen)
        else:
            server.add_secure_port(self._listen, self._tls.credentials())
        await server.start()
        self._server = server
        await self._health.serving(self._service_names)
        log.info("rpc_server_started", listen=self._listen, tls=self._tls is not None)

    async def stop(self) -> None:
        """Say NOT_SERVING, give callers time to notice, end what is asked of streams, then finish calls.

        Raises:
            DrainCutShort: calls ran on beyond the grace and were cut.
        """
        if self._server is None:
            return
        await self._health.not_serving()
        await asyncio.sleep(self._notice_seconds)
        if self._on_drain is not None:
            await self._on_drain()
        self._health.let_go()
        clock = asyncio.get_running_loop().time
        cut_at = clock() + self._grace_seconds
        await self._server.stop(self._grace_seconds)
        if clock() >= cut_at:
            raise DrainCutShort(f"calls that ran for more than {self._grace_seconds:g} s")
