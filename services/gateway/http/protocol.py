"""HTTP/1.1 on the wire, where uvicorn leaves gaps: slow request heads, and problems for what cannot be parsed."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.http.problems import MEDIA_TYPE, HttpFault, HttpReason, problem_of_http
from gateway.http.shapes import dump
from gateway.http.wall import MAX_HEAD_BYTES

HEAD_SECONDS = 15.0


class GatewayProtocol(H11Protocol):
    """A connection whose request head must arrive in time."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; the clock runs while a head is incomplete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self._head_timer is None:
                self._wait_for_head()
        else:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed; h11 hints at 431 for a head that is too large."""
        too_large = len(self.conn.trailing_data[0]) >= MAX_HEAD_BYTES
        fault = _head_too_large() if too_large else HttpFault(400, HttpReason.REQUEST_MALFORMED, msg)
        self._answer(fault)

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._answer(HttpFault(408, HttpReason.REQUEST_TIMEOUT, "the request did not arrive in time"))

    def _answer(self, fault: HttpFault) -> None:
        problem = problem_of_http(fault)
        body = dump(problem.body)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        events: list[Any] = [h11.Response(status_code=problem.status, headers=headers), h11.Data(data=body)]
        try:
            for event in [*events, h11.EndOfMessage()]:
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            pass  # an answer is on its way already
        self.transport.close()


def _head_too_large() -> HttpFault:
    return HttpFault(431, HttpReason.HEADERS_TOO_LARGE, f"a request head holds at most {MAX_HEAD_BYTES} bytes")
