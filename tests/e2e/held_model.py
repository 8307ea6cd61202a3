"""A model provider behind the OpenAI protocol that answers some calls at once and holds the rest until released."""

import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOLD_SECONDS = 90.0
POLL_SECONDS = 0.05
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"invoice_number": {"type": ["string", "null"]}},
    "required": ["invoice_number"],
    "additionalProperties": False,
}


def invoice(number: int) -> bytes:
    """A document this model can read."""
    return f"Invoice number: INV-{number:04}\nTotal: {number}.50 EUR\n".encode()


@dataclass
class HeldModel:
    """Reads the one field of `SCHEMA` out of an `invoice`."""

    free: int = 0
    """Calls answered without being released."""
    seconds: float = 0.0
    """How long each answer takes."""
    asked: list[str] = field(default_factory=list[str])
    """The invoice number of each call, in the order they came."""
    left: list[str] = field(default_factory=list[str])
    """The invoice number of each held call whose caller hung up before it was answered."""
    url: str = ""
    _held: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _released: threading.Event = field(default_factory=threading.Event)

    @property
    def environ(self) -> dict[str, str]:
        """Points an extractor here."""
        return {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": self.url, "QUIRE_OPENAI_MODEL": "held"}

    def hold_after(self, calls: int) -> None:
        """Begin anew: answer so many calls, hold the rest."""
        with self._changed:
            self.free, self._held = calls, 0
            self.asked.clear()
            self.left.clear()
            self._released = threading.Event()

    def wait_until_holding(self, calls: int, seconds: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._held >= calls, seconds), f"{self._held} of {calls} calls came"

    def wait_until_left(self, calls: int, seconds: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.left) >= calls, seconds), f"{self.left} hung up"

    def release(self) -> None:
        """Answer everything held and everything to come."""
        self._released.set()

    def answer(self, body: str, hung_up: Callable[[], bool]) -> dict[str, Any]:
        """Take a call and come back when it may be answered, or nobody waits for the answer."""
        number = re.findall(r"INV-\d+", body)[-1]
        with self._changed:
            self.asked.append(number)
            held = len(self.asked) > self.free
            self._held += held
            released = self._released
            self._changed.notify_all()
        time.sleep(self.seconds)
        if held:
            self._hold(number, released, hung_up)
        citation = {"path": "/invoice_number", "quote": number, "page": 1}
        return {"values": {"invoice_number": number}, "citations": [citation]}

    def _hold(self, number: str, released: threading.Event, hung_up: Callable[[], bool]) -> None:
        until = time.monotonic() + HOLD_SECONDS
        while not released.wait(POLL_SECONDS) and time.monotonic() < until:
            if hung_up():
                with self._changed:
                    self.left.append(number)
                    self._changed.notify_all()
                return


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has hung up."""
    readable, _, _ = select.select([connection], [], [], 0)
    try:
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


@contextmanager
def held_model(seconds: float = 0.0, free: int = 0) -> Generator[HeldModel]:
    """Serve it on a port of its own."""
    model = HeldModel(free, seconds)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = json.dumps(completion(json.dumps(model.answer(body, lambda: is_closed(self.connection))))).encode()
            with suppress(ConnectionError):  # the worker that asked was killed
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so by the base class
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    serving = threading.Thread(target=server.serve_forever, name="held model")
    serving.start()
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield model
    finally:
        model.release()
        server.shutdown()
        serving.join()
        server.server_close()


def completion(content: str) -> dict[str, Any]:
    """An answer of `chat.completions`."""
    message = {"role": "assistant", "content": content, "refusal": None}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "held",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
