"""HTTP/2 spoken by hand, as no library would: frames of any kind, in any number, at any pace (RFC 9113)."""

import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 1, 3, 4, 6, 7
END_STREAM_AND_HEADERS = 0x5
CANCEL = struct.pack(">I", 8)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def call_head(path: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """The header block of a gRPC call, each header a literal without index (RFC 7541 6.2.2)."""
    named = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"x"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        *more,
    ]
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in named)


def _text(text: bytes) -> bytes:
    assert len(text) < 127
    return bytes([len(text)]) + text


@dataclass
class Connection:
    """One that has greeted the server."""

    stream: socket.socket

    def flood(self, frames: bytes, times: int) -> int:
        """Send it again and again; answers how often that went before the server hung up."""
        for sent in range(times):
            try:
                self.stream.sendall(frames)
            except OSError:
                return sent
        return times

    def kinds(self) -> list[int]:
        """The kinds of frames the server sends from now on until it hangs up."""
        found = list[int]()
        try:
            while head := self._exactly(9):
                found.append(head[3])
                self._exactly(int.from_bytes(head[:3]))
        except OSError:
            pass
        return found

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (piece := self.stream.recv(size - len(found))):
            found += piece
        return found


@contextmanager
def connected(address: str, seconds: float = 20.0) -> Generator[Connection]:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as stream:
        stream.sendall(PREFACE + frame(SETTINGS, 0, 0))
        yield Connection(stream)
