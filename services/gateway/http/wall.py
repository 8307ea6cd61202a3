"""The outermost layer: faults become problems, answers carry the security headers, each request leaves a log line."""

import asyncio
import time
import uuid

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.blobs import BlobFault
from chassis.errors import CallError, internal
from chassis.logs import get_logger
from gateway.http.drain import Drain
from gateway.http.lobby import QUIET_PATHS, Lobby, owner_of
from gateway.http.problems import (
    HttpFault,
    HttpReason,
    Problem,
    RequestAborted,
    problem_of_call,
    problem_of_http,
)
from gateway.storage_faults import storage_error

log = get_logger()

CLIENT_CLOSED = 499
"""What the log says when the client left before its answer (nginx's number)."""
LINGER_SECONDS = 3.0
LINGER_BYTES = 64 * 1024 * 1024
MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 * 1024
_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
# A client that keeps its connection would send its next request into a closing one.
_CLOSE = (b"connection", b"close")


class Wall:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, drain: Drain, lobby: Lobby) -> None:
        self._app = app
        self._drain = drain
        self._lobby = lobby

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._drain)
        try:
            _check_head(scope)
            await self._admit(scope, exchange)
        except ClientDisconnect:
            exchange.status = CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the outermost wall
            await exchange.fail(error)
        finally:
            exchange.report()

    async def _admit(self, scope: Scope, exchange: "_Exchange") -> None:
        places = self._lobby.of(scope)
        if places is None:
            await self._app(scope, exchange.receive, exchange.send)
            return
        with places.one() as own:
            own(owner_of(scope))
            await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer, watched from outside."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, drain: Drain) -> None:
        self._scope, self._receive, self._send, self._drain = scope, receive, send, drain
        self._started_at = time.monotonic()
        self._body_read = False
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._body_read = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = {name.lower() for name, _ in message["headers"]}
            wanted = (*_HEADERS, _CLOSE) if self._drain.begun else _HEADERS
            message["headers"] = [*message["headers"], *(item for item in wanted if item[0] not in present)]
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        if self.status:
            log.warning("answer_broken_off", path=self._scope["path"], exc_info=_unexpected(error))
            raise error
        problem = problem_of(error)
        response = problem.response()
        if self._body_pending():
            response.headers["Connection"] = "close"
            await response(self._scope, self.receive, self._lingering)
        else:
            await response(self._scope, self.receive, self.send)

    def report(self) -> None:
        if self._scope["path"] not in QUIET_PATHS:
            seconds = round(time.monotonic() - self._started_at, 4)
            route = getattr(self._scope.get("route"), "path", None)
            log.info("request_answered", method=self._scope["method"], route=route, status=self.status, seconds=seconds)

    def _body_pending(self) -> bool:
        names = {name for name, _ in self._scope["headers"]}
        return not self._body_read and not names.isdisjoint({b"content-length", b"transfer-encoding"})

    async def _lingering(self, message: Message) -> None:
        """Send the answer, then read a little on: closing on unread bytes would reset the connection and lose it."""
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        await self.send({**message, "more_body": True})
        await self._read_on()
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read_on(self) -> None:
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and not self._body_read:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            return


def _check_head(scope: Scope) -> None:
    if len(scope["headers"]) > MAX_HEADERS or sum(len(a) + len(b) for a, b in scope["headers"]) > MAX_HEAD_BYTES:
        message = f"a request head holds at most {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes"
        raise HttpFault(431, HttpReason.HEADERS_TOO_LARGE, message, {"Connection": "close"})
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and b"content-length" in names:
        message = "send either Content-Length or Transfer-Encoding, not both"
        raise HttpFault(400, HttpReason.REQUEST_MALFORMED, message, {"Connection": "close"})
    if not scope["path"].startswith("/"):
        message = "the request target must start with a slash"
        raise HttpFault(400, HttpReason.REQUEST_MALFORMED, message, {"Connection": "close"})


def problem_of(error: Exception) -> Problem:
    """The problem any exception stands for; what nobody foresaw becomes INTERNAL and leaks nothing."""
    match error:
        case HttpFault():
            return problem_of_http(error)
        case CallError():
            return problem_of_call(error)
        case BlobFault():
            return problem_of_call(storage_error(error))
        case RequestAborted():
            return problem_of(error.cause).within(error.context)
        case _:
            incident = uuid.uuid4().hex[:12]
            log.error("request_failed", incident=incident, exc_info=error)
            return problem_of_call(internal(incident))


def _unexpected(error: Exception) -> Exception | None:
    return None if isinstance(error, CallError | BlobFault) else error
