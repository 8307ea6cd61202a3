"""The ways in which the scripted model fails, what follows from each, and which call meets which."""

import asyncio
import json
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field

from chassis.failures import FailureCode
from tests.contract.extractor.model_server import Behaviour, answers, drips, hangs, refuses, responds

FINAL = {
    "refusal": FailureCode.CONTENT_REFUSED,
    "filtered": FailureCode.CONTENT_FILTERED,
    "truncated": FailureCode.OUTPUT_TRUNCATED,
}
"""End the document with this code."""
SPENDING = {
    "malformed": FailureCode.OUTPUT_SCHEMA_INVALID,
    "wrong_schema": FailureCode.OUTPUT_SCHEMA_INVALID,
    "empty": FailureCode.OUTPUT_SCHEMA_INVALID,
    "hang": FailureCode.PROVIDER_TIMEOUT,
    "drip": FailureCode.PROVIDER_TIMEOUT,
}
"""Cost the document one of its failures, and end it with this code when that was the last."""
WAITING = frozenset({"rate_limited", "rate_limited_garbage", "overloaded", "unavailable", "garbage", "cut"})
"""Are tried again later at no cost."""
KINDS = frozenset({*FINAL, *SPENDING, *WAITING})
UNANSWERED = frozenset({"hang", "drip", "cut"})
"""Never write a whole answer."""
_NO_LINGER = struct.pack("ii", 1, 0)
_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_HALF = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"id": "c1", '


async def _resets(writer: asyncio.StreamWriter) -> None:
    writer.write(_HALF)
    await writer.drain()
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


BEHAVIOURS: dict[str, Behaviour] = {
    "refusal": answers(None, refusal="I cannot help with that."),
    "filtered": answers(None, "content_filter"),
    "truncated": answers('{"values": {"mark"', "length"),
    "malformed": answers('{"values": {"mark": "mk-0"}, "citations": ['),
    "wrong_schema": answers(json.dumps({"values": {"mark": {"is": ["no", "text"]}}, "citations": []})),
    "empty": answers(""),
    "hang": hangs(),
    "drip": drips(1.0),
    "rate_limited": refuses(429, "rate_limit_exceeded", retry_after="1"),
    "rate_limited_garbage": refuses(429, "rate_limit_exceeded", retry_after="when it is over"),
    "overloaded": refuses(500, "server_error"),
    "unavailable": refuses(503, "server_error", retry_after="1"),
    "garbage": responds(200, _PAGE, "text/html"),
    "cut": _resets,
}


@dataclass
class ModelFaults:
    """Which faults are on. The choice hangs on mark and call alone, not on the order in which calls come."""

    _on: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    _calls: Counter[str] = field(default_factory=Counter[str])

    def begin(self, kind: str, share: float, seed: int) -> None:
        """Let a share of the calls fail that way."""
        assert kind in KINDS, f"no fault is called {kind}: {', '.join(sorted(KINDS))}"
        self._on[kind] = (share, seed)

    def end(self) -> None:
        """No more of any."""
        self._on.clear()

    def choose(self, mark: str) -> str | None:
        """The kind that the next call about this mark meets."""
        self._calls[mark] += 1
        call = self._calls[mark]
        for kind, (share, seed) in self._on.items():
            if random.Random(f"{seed} {mark} {call}").random() < share:
                return kind
        return None
