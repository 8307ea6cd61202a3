"""Bodies meant to exhaust: the real process refuses each, keeps its memory and its time, and goes on serving."""

import gzip
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import httpx2
import pytest
from fake_batch import Memory
from object_store import ObjectStore
from raw_requests import exchanged, head, status_of
from test_process import announced, running_gateway
from test_uploads import eventually

from gateway.settings import GatewaySettings
from tests.cost import MEBIBYTE, bounded

FORM = "Content-Type: multipart/form-data; boundary=b"
CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/json"
EXTRACT = "/v1/batches:extract"


@dataclass
class Victim:
    """The gateway as a process of its own."""

    pid: int
    http: httpx2.AsyncClient
    settings: GatewaySettings

    async def told(self, *pieces: bytes, endless: bytes = b"") -> int:
        return status_of(await exchanged(self.settings, *pieces, endless=endless))

    async def lives(self) -> bool:
        return (await self.http.get("/v1/limits")).status_code == 200


@pytest.fixture
async def victim(settings: GatewaySettings, memory: Memory, object_store: ObjectStore) -> AsyncGenerator[Victim]:
    async with running_gateway(settings) as (process, http):
        path = await announced(http)
        await http.put(f"{path}/content", content=os.urandom(MEBIBYTE))  # what the first upload costs is paid once
        yield Victim(process.pid, http, settings)


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@pytest.mark.catalogue("H04", "H11")
async def test_uploads_without_end_are_cut_at_the_limit(
    victim: Victim, memory: Memory, object_store: ObjectStore
) -> None:
    path = f"{await announced(victim.http)}/content"
    with bounded(victim.pid, "H04 announced too large"):
        assert await victim.told(head("PUT", path, f"Content-Length: {2**40}"), endless=bytes(MEBIBYTE)) == 413
    with bounded(victim.pid, "H04 endless chunks"):
        assert await victim.told(head("PUT", path, CHUNKED), endless=chunk(bytes(MEBIBYTE))) == 413
    with bounded(victim.pid, "H04 chunks of a byte"):
        assert await victim.told(head("PUT", path, CHUNKED), chunk(b"x") * 100_000 + b"zz\r\n") == 400
    await eventually(lambda: not object_store.stored() & set(memory.object_keys[1:]))
    assert object_store.pending_uploads() == 0
    assert memory.statuses() == ["UPLOADED", "PENDING_UPLOAD"]
    assert await victim.lives()


@pytest.mark.catalogue("H07")
async def test_forms_meant_to_exhaust_are_refused(victim: Victim, memory: Memory) -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n'
    forms: dict[str, tuple[bytes, bytes, int]] = {
        "many parts": (b"", (field + b"x\r\n") * 1_000, 413),
        "endless field": (field, bytes(MEBIBYTE), 413),
        "endless header": (file + b"X: ", b"y" * MEBIBYTE, 413),
        "many headers": (file, b"A: b\r\n" * 100_000, 413),
        "endless preamble": (b"", b"x" * MEBIBYTE, 400),
        "preamble of line ends": (b"", b"\r\n" * 500_000, 400),
        "nearly boundaries": (b"", b"\r\n--a" * 200_000, 400),
        "endless epilogue": (field + b"x\r\n--b--", b"x" * MEBIBYTE, 400),
    }
    for what, (begin, more, status) in forms.items():
        with bounded(victim.pid, f"H07 {what}"):
            told = await victim.told(head("POST", EXTRACT, FORM, CHUNKED), chunk(begin or b"\r\n"), endless=chunk(more))
        assert told == status, what
    boundary = f"Content-Type: multipart/form-data; boundary={'b' * 5 * MEBIBYTE}"
    with bounded(victim.pid, "H07 boundary of 5 MiB"):
        assert await victim.told(head("POST", EXTRACT, boundary, CHUNKED)) == 431
    assert list(memory.called("CreateBatch"))[1:] == []
    assert await victim.lives()


@pytest.mark.catalogue("H08", "H16", "H21")
async def test_bodies_that_would_grow_are_refused_unread(victim: Victim) -> None:
    bomb = gzip.compress(bytes(100 * MEBIBYTE))
    deep = b'{"extraction_prompt": "x", "output_schema": ' + b"[" * 400_000
    wide = b'{"extraction_prompt": "x", "options": [' + b"{}," * 340_000 + b"{}]}"
    bodies: dict[str, tuple[list[str], bytes, set[int]]] = {
        "H08 a million fields": (["Content-Type: application/x-www-form-urlencoded"], b"a=1&" * 1_000_000, {415}),
        "H16 compressed bomb": ([JSON, "Content-Encoding: gzip"], bomb, {415}),
        "H21 deep": ([JSON], deep, {400}),
        "H21 wide": ([JSON], wide, {400, 413}),
        "H21 a number of a mebibyte": ([JSON], b"1" * (MEBIBYTE - 1), {400}),
        "H21 keys that repeat": ([JSON], b"{" + b'"a":1,' * 170_000 + b'"a":1}', {400}),
    }
    for what, (headers, body, statuses) in bodies.items():
        with bounded(victim.pid, what):
            length = f"Content-Length: {len(body)}"
            told = await victim.told(head("POST", "/v1/batches", *headers, length, "Connection: close"), body)
        assert told in statuses, what
    assert await victim.lives()


@pytest.mark.catalogue("H18", "H19")
async def test_heads_meant_to_exhaust_are_refused(victim: Victim) -> None:
    with bounded(victim.pid, "H18 heads", 30):
        for _ in range(10):
            assert await victim.told(head("GET", "/v1/batches", "X: " + "y" * 65_536)) == 431
            assert await victim.told(head("GET", "/v1/batches", *["X: y"] * 1_000)) == 431
            assert await victim.told(b"GET /", endless=b"a" * MEBIBYTE) == 431
    with bounded(victim.pid, "H19 prefaces of HTTP/2", 100):
        for _ in range(100):
            assert await victim.told(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(900)) == 400
    with bounded(victim.pid, "H19 pipelined requests", 100):
        requests = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" * 100
        assert await victim.told(requests + head("GET", "/nothing", "Connection: close")) == 404
    assert await victim.lives()
