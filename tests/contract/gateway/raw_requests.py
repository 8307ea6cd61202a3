"""HTTP spoken by hand on a socket, as no library would."""

import asyncio
import socket
from collections.abc import Iterable

from fake_batch import API_KEY

from gateway.settings import GatewaySettings

AUTHORIZATION = f"Authorization: Bearer {API_KEY}"


def head(method: str, target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", AUTHORIZATION, *headers, "", ""]).encode("latin-1")


async def exchanged(settings: GatewaySettings, *pieces: bytes, endless: bytes = b"", seconds: float = 20) -> bytes:
    """Send pieces, then one over and over if asked to; answers all the server says until it closes."""
    return await asyncio.to_thread(_exchange, settings, pieces, endless, seconds)


def _exchange(settings: GatewaySettings, pieces: Iterable[bytes], endless: bytes, seconds: float) -> bytes:
    host, _, port = settings.gateway_http_listen.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while endless:
                connection.sendall(endless)
        except OSError:
            pass  # the server has hung up; what it said before is there to be read
        return _read(connection)


def _read(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def status_of(answer: bytes) -> int:
    """Of the first answer."""
    return int(answer.split(b" ", 2)[1])


def answers_in(answer: bytes) -> int:
    """How many requests the server saw."""
    return answer.count(b"HTTP/1.1 ")
