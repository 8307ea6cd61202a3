"""uvicorn as a part of the process: it serves and drains when told, and leaves signals alone."""

import asyncio
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from chassis.lifecycle import DrainCutShort, Part
from chassis.logs import get_logger
from chassis.tls import ServerTls
from gateway.http.drain import Drain
from gateway.http.protocol import GatewayProtocol
from gateway.http.wall import MAX_HEAD_BYTES

log = get_logger()

BACKLOG = 512


class HttpServer(Part):
    """Serves an application on one address."""

    def __init__(
        self,
        listen: str,
        app: ASGIApp,
        drain: Drain,
        *,
        tls: ServerTls | None = None,
        notice_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._listen = listen
        self._drain = drain
        self._notice_seconds = notice_seconds
        self._grace_seconds = grace_seconds
        self._server = _Server(
            uvicorn.Config(
                app,
                http=GatewayProtocol,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # the wall logs every request and every fault
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, int(grace_seconds)),
                **_certificates(tls),
            )
        )
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def ended(self) -> asyncio.Future[None] | None:
        """The serving loop."""
        return self._serving

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            OSError: the address cannot be bound.
        """
        listener = bind(self._listen)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="http")
        await self._server.serving.wait()
        log.info("http_server_started", listen=self._listen, port=self.port)

    async def stop(self) -> None:
        """Turn readiness false, give callers time to notice, end endless answers, stop listening, finish what runs.

        Raises:
            DrainCutShort: requests ran on beyond the grace and were cut.
        """
        if self._serving is None:
            return
        self._drain.begin()
        await asyncio.sleep(self._notice_seconds)
        self._drain.end_answers()
        self._server.should_exit = True
        await self._serving
        if not self._server.finished:
            raise DrainCutShort(f"requests that ran for more than {self._grace_seconds:g} s")


def _certificates(tls: ServerTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    callers = {"ssl_ca_certs": str(tls.client_ca_file), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return {"ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file} | (callers if tls.client_ca_file else {})


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()
        self.finished = False
        """Whether all requests ended by themselves."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    async def _wait_tasks_to_complete(self) -> None:
        await super()._wait_tasks_to_complete()
        self.finished = True

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn raises SIGTERM anew when it ends, and the rest of the process would never drain.
        yield


def bind(listen: str) -> socket.socket:
    """A listening socket on `host:port` or `[v6]:port`; raises OSError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener
