import asyncio
import hashlib
import os
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable

import pytest
from conftest import Stage
from fake_batch import API_KEY

from chassis.errors import CallReason, precondition, unavailable
from chassis.failures import FailureCode

BODY = os.urandom(300_000)


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what happens behind the answer, with a limit."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the store tells nobody when it changes


async def in_chunks(body: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_upload_stores_the_bytes_and_answers_the_document(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.put(f"{path}/content", content=BODY, headers={"Content-Type": "application/pdf"})
    assert answer.status_code == 200
    assert answer.json()["status"] == "UPLOADED"
    assert answer.json()["sha256"] == hashlib.sha256(BODY).hexdigest()
    [key] = stage.kept()
    assert stage.store.read(key) == BODY
    [completed] = stage.memory.called("CompleteUpload")
    assert (completed.size_bytes, completed.media_type) == (len(BODY), "application/pdf")


@pytest.mark.parametrize("size", [1, 9 * 1024 * 1024])
async def test_upload_of_unknown_length_is_stored_too(stage: Stage, size: int) -> None:
    stage.memory.max_bytes = 20 * 1024 * 1024
    path, body = await stage.document(), os.urandom(size)
    answer = await stage.http.put(f"{path}/content", content=in_chunks(body))
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    [key] = stage.kept()
    assert stage.store.read(key) == body


async def test_intake_calls_carry_both_credentials(stage: Stage) -> None:
    path = await stage.document()
    await stage.http.put(f"{path}/content", content=BODY)
    for method, metadata, _ in stage.memory.calls:
        assert metadata["authorization"] == f"Bearer {API_KEY}"
        assert ("x-quire-service" in metadata) == (method in {"BeginUpload", "CompleteUpload"})


async def test_put_file_announces_and_stores_in_one_go(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    answer = await stage.http.put(f"/v1/batches/{batch_id}/files/May/inv%20%C3%BC.pdf", content=BODY)
    assert answer.status_code == 201
    assert (answer.json()["name"], answer.json()["status"]) == ("May/inv ü.pdf", "UPLOADED")
    assert stage.memory.called("AddDocuments")[0].documents[0].size_bytes == len(BODY)


async def test_a_file_name_may_hold_any_character(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    answer = await stage.http.put(f"/v1/batches/{batch_id}/files/a%0Ab%0D%7F.pdf", content=BODY)
    assert (answer.status_code, answer.json()["name"]) == (201, "a\nb\r\x7f.pdf")


async def test_put_file_is_taken_back_when_it_breaks(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    wrong = {"X-Content-SHA256": "0" * 64}
    answer = await stage.http.put(f"/v1/batches/{batch_id}/files/a.pdf", content=BODY, headers=wrong)
    assert answer.json()["reason"] == "CHECKSUM_MISMATCH"
    assert stage.memory.documents == {}


async def test_put_file_stays_when_it_breaks_under_an_idempotency_key(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    headers = {"Idempotency-Key": "k1"}
    stage.memory.faults["CompleteUpload"] = unavailable("the database")
    broken = await stage.http.put(f"/v1/batches/{batch_id}/files/a.pdf", content=BODY, headers=headers)
    assert broken.status_code == 503
    stage.memory.faults.clear()
    again = await stage.http.put(f"/v1/batches/{batch_id}/files/a.pdf", content=BODY, headers=headers)
    assert again.status_code == 201
    assert stage.memory.statuses() == ["UPLOADED"]


@pytest.mark.catalogue("H15")
@pytest.mark.parametrize("announced_by", ["X-Content-SHA256", "Content-Digest", "announcement"])
async def test_upload_with_another_checksum_is_refused_and_removed(stage: Stage, announced_by: str) -> None:
    other = hashlib.sha256(b"other")
    digest = b64encode(other.digest()).decode()
    headers = {"X-Content-SHA256": other.hexdigest(), "Content-Digest": f"sha-256=:{digest}:"}
    path = await stage.document(**({"sha256": other.hexdigest()} if announced_by == "announcement" else {}))
    sent = {announced_by: headers[announced_by]} if announced_by in headers else {}
    answer = await stage.http.put(f"{path}/content", content=BODY, headers=sent)
    assert (answer.status_code, answer.json()["reason"]) == (400, "CHECKSUM_MISMATCH")
    assert answer.json()["violations"][0]["field"] == "sha256"
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]
    await eventually(lambda: not stage.kept())


@pytest.mark.catalogue("H05")
@pytest.mark.parametrize("known", [True, False])
async def test_upload_of_another_size_than_announced_is_refused(stage: Stage, known: bool) -> None:
    for size in (len(BODY) - 1, len(BODY) + 1):
        path = await stage.document(size_bytes=size)
        answer = await stage.http.put(f"{path}/content", content=BODY if known else in_chunks(BODY))
        assert (answer.status_code, answer.json()["reason"]) == (400, "CHECKSUM_MISMATCH")
        assert answer.json()["violations"][0]["field"] == "size_bytes"
    await eventually(lambda: not stage.kept())


@pytest.mark.catalogue("H15")
async def test_upload_with_a_malformed_digest_is_refused(stage: Stage) -> None:
    path = await stage.document()
    for headers in ({"X-Content-SHA256": "abc"}, {"Content-Digest": "sha-256=:AAAA:"}, {"Content-MD5": "x"}):
        answer = await stage.http.put(f"{path}/content", content=BODY, headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (400, "FIELD_INVALID")


@pytest.mark.catalogue("H06")
@pytest.mark.parametrize("known", [True, False])
async def test_empty_upload_is_refused(stage: Stage, known: bool) -> None:
    path = await stage.document()
    answer = await stage.http.put(f"{path}/content", content=b"" if known else in_chunks(b""))
    assert (answer.status_code, answer.json()["reason"]) == (422, "FILE_EMPTY")


@pytest.mark.catalogue("H16")
async def test_upload_in_a_content_encoding_is_refused(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.put(f"{path}/content", content=BODY, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]


@pytest.mark.catalogue("H04", "H11")
async def test_too_large_an_upload_is_refused_before_it_is_read(stage: Stage) -> None:
    path = await stage.document()
    head = f"PUT {path}/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n"
    head += f"Content-Length: {stage.memory.max_bytes + 1}\r\nExpect: 100-continue\r\n\r\n"
    answer = await raw(stage, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer
    assert b"FILE_TOO_LARGE" in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.catalogue("H04")
async def test_too_large_an_upload_of_unknown_length_is_refused_at_the_limit(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.put(f"{path}/content", content=in_chunks(bytes(2 * stage.memory.max_bytes)))
    assert (answer.status_code, answer.json()["reason"]) == (413, "FILE_TOO_LARGE")
    assert answer.headers["connection"] == "close"
    await eventually(lambda: not stage.kept() and stage.store.pending_uploads() == 0)


@pytest.mark.catalogue("H04")
async def test_an_endless_upload_is_cut_off(stage: Stage) -> None:
    path = await stage.document()
    head = f"PUT {path}/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n"
    sent, answer = await asyncio.to_thread(send_without_end, stage, head + "Transfer-Encoding: chunked\r\n\r\n")
    assert sent < 200 * 1024 * 1024
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.catalogue("H10")
@pytest.mark.parametrize("framing", ["Content-Length: 6000000", "Transfer-Encoding: chunked"])
async def test_a_client_that_leaves_leaves_nothing_behind(stage: Stage, framing: str) -> None:
    path = await stage.document()
    _, writer = await asyncio.open_connection(*address(stage))
    writer.write(
        f"PUT {path}/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\n{framing}\r\n\r\n".encode()
    )
    for _ in range(40):
        writer.write(b"10000\r\n" + bytes(65536) + b"\r\n" if "chunked" in framing else bytes(65536))
        await writer.drain()
    await eventually(lambda: bool(stage.memory.object_keys))
    writer.close()
    await writer.wait_closed()
    await eventually(lambda: stage.uploads.open == 0)
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]
    assert stage.memory.called("CompleteUpload") == []
    await eventually(lambda: not stage.kept() and stage.store.pending_uploads() == 0)


async def test_the_loser_of_a_race_is_removed(stage: Stage) -> None:
    path = await stage.document()
    stage.memory.faults["CompleteUpload"] = precondition(CallReason.DOCUMENT_NOT_OPEN, "another upload won")
    answer = await stage.http.put(f"{path}/content", content=BODY)
    assert (answer.status_code, answer.json()["reason"]) == (409, "DOCUMENT_NOT_OPEN")
    assert stage.kept() == set()


async def test_the_object_stays_when_nobody_knows_whether_it_was_recorded(stage: Stage) -> None:
    path = await stage.document()
    stage.memory.faults["CompleteUpload"] = unavailable("the database")
    answer = await stage.http.put(f"{path}/content", content=BODY)
    assert answer.status_code == 503
    assert len(stage.kept()) == 1


async def test_upload_to_an_unknown_batch_is_not_found(stage: Stage) -> None:
    answer = await stage.http.put("/v1/batches/b/documents/d/content", content=BODY)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


@pytest.mark.catalogue("H03")
async def test_upload_of_a_form_to_a_raw_route_says_where_forms_go(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.put(f"{path}/content", files={"file": ("a.txt", b"x")})
    assert answer.status_code == 415
    assert FailureCode.FILE_EMPTY not in answer.text


def address(stage: Stage) -> tuple[str, int]:
    host, _, port = stage.settings.gateway_http_listen.rpartition(":")
    return host, int(port)


async def raw(stage: Stage, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes."""

    def talk() -> bytes:
        with socket.create_connection(address(stage), timeout=10) as connection:
            connection.sendall(request)
            found = b""
            while piece := connection.recv(65536):
                found += piece
            return found

    return await asyncio.to_thread(talk)


def send_without_end(stage: Stage, head: str) -> tuple[int, bytes]:
    """Send until the server cuts the connection; answers how much that was and what it said."""
    chunk, sent = b"100000\r\n" + bytes(0x100000) + b"\r\n", 0
    with socket.create_connection(address(stage), timeout=20) as connection:
        try:
            connection.sendall(head.encode())
            while True:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            return sent, connection.recv(65536)
