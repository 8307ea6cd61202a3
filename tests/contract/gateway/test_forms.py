import hashlib
import os
from collections.abc import AsyncIterator

import httpx2
import pytest
from conftest import Stage
from test_uploads import eventually, in_chunks

from chassis.errors import unavailable
from quire.batch.v1.batch_pb2 import BatchStatus

Files = list[tuple[str, tuple[str, bytes, str]]]
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def files(count: int, size: int = 20_000) -> Files:
    return [("file", (f"{number}.txt", os.urandom(size), "text/plain")) for number in range(count)]


def part(disposition: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *headers])
    return f"--b\r\n{head}\r\n\r\n".encode() + body + b"\r\n"


async def test_a_form_of_many_files_is_stored_in_order(stage: Stage) -> None:
    sent, batch_id = files(40), await stage.batch_id()
    answer = await stage.http.post(f"/v1/batches/{batch_id}/documents", files=sent)
    assert answer.status_code == 201
    documents = answer.json()["documents"]
    assert [item["name"] for item in documents] == [f"{number}.txt" for number in range(40)]
    assert [item["sha256"] for item in documents] == [hashlib.sha256(body).hexdigest() for _, (_, body, _) in sent]
    assert stage.memory.statuses() == ["UPLOADED"] * 40
    assert len(stage.kept()) == 40


async def test_a_form_of_large_files_is_streamed_to_the_store(stage: Stage) -> None:
    stage.memory.max_bytes = 30 * 1024 * 1024
    sent = files(2, 9_000_000)
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}/documents", files=sent)
    assert [item["size_bytes"] for item in answer.json()["documents"]] == [9_000_000] * 2


async def test_a_form_that_breaks_says_what_was_stored(stage: Stage) -> None:
    sent = [*files(2), ("file", ("large.bin", bytes(stage.memory.max_bytes + 1), "x/y")), *files(1)]
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}/documents", files=sent)
    assert (answer.status_code, answer.json()["reason"]) == (413, "FILE_TOO_LARGE")
    assert [item["name"] for item in answer.json()["documents"]] == ["0.txt", "1.txt"]
    assert stage.memory.statuses() == ["UPLOADED", "UPLOADED"]


async def test_one_shot_creates_uploads_and_seals(stage: Stage) -> None:
    fields = {"prompt": "the total", "name": "May", "schema": '{"type":"object"}', "options": '{"sample_first": 1}'}
    answer = await stage.http.post("/v1/batches:extract", data=fields, files=files(3))
    assert answer.status_code == 201
    batch = answer.json()
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    assert (batch["status"], batch["name"], batch["output_schema"]) == ("QUEUED", "May", {"type": "object"})
    assert batch["options"]["sample_first"] == 1
    assert stage.memory.statuses() == ["UPLOADED"] * 3


async def test_one_shot_is_cancelled_when_it_breaks(stage: Stage) -> None:
    sent = [*files(1), ("file", ("empty.txt", b"", "text/plain"))]
    answer = await stage.http.post("/v1/batches:extract", data={"prompt": "total"}, files=sent)
    problem = answer.json()
    assert (answer.status_code, problem["reason"]) == (422, "FILE_EMPTY")
    assert (problem["file"], problem["documents_stored"]) == ("empty.txt", 1)
    assert stage.memory.batches[problem["batch_id"]].status == BatchStatus.BATCH_STATUS_CANCELLED


async def test_one_shot_goes_on_where_it_broke_when_it_is_sent_again_under_its_key(stage: Stage) -> None:
    sent, key = files(3), {"Idempotency-Key": "pile 1"}

    async def send() -> httpx2.Response:
        return await stage.http.post("/v1/batches:extract", data={"prompt": "total"}, files=sent, headers=key)

    stage.memory.faults["SealBatch"] = unavailable("the database")
    broken = await send()
    assert broken.status_code == 503
    stage.memory.faults.clear()
    again = await send()
    once_more = await send()
    assert again.json()["id"] == broken.json()["batch_id"] == once_more.json()["id"]
    assert again.json()["status"] == "QUEUED"
    assert stage.memory.statuses() == ["UPLOADED"] * 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (part('name="prompt"', b"x"), "files"),
        (part('name="color"', b"x"), "color"),
        (part('name="prompt"', b"x") + part('name="file"; filename="a"', b"x") + part('name="name"', b"x"), "name"),
        (part('name="file"; filename="a"', b"x"), "extraction_prompt"),
    ],
    ids=["no files", "unknown field", "field after file", "no prompt"],
)
async def test_one_shot_names_the_field_that_is_wrong(stage: Stage, body: bytes, field: str) -> None:
    answer = await stage.http.post("/v1/batches:extract", content=body + b"--b--\r\n", headers=FORM)
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, field)


@pytest.mark.catalogue("H07", "H08")
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=" + "b" * 5000, b"", 400),
        ("application/x-www-form-urlencoded", b"a=1&" * 1000, 415),
        (FORM["Content-Type"], b"no boundary at all", 400),
        (FORM["Content-Type"], part('name="file"; filename="a"', b"cut off"), 400),
        (FORM["Content-Type"], part('name="file"; filename="a"', b"x", "X: " + "y" * 20_000) + b"--b--", 413),
        (FORM["Content-Type"], part('name="file"; filename="a"', b"x", *["A: b"] * 40) + b"--b--", 413),
        (FORM["Content-Type"], b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--", 400),
        (FORM["Content-Type"], part('name="prompt"', b"x" * 300_000) + b"--b--", 413),
        (FORM["Content-Type"], part('name="prompt"', b"\xff\xfe") + b"--b--", 400),
        (FORM["Content-Type"], part('name="prompt"', b"x") * 40 + b"--b--", 413),
        (FORM["Content-Type"], b"x" * 200_000, 400),
        (FORM["Content-Type"], part('name="prompt"', b"x") + b"--b--" + b"x" * 200_000, 400),
        (FORM["Content-Type"], part('name="file"; filename="a"', b"x", "Content-Transfer-Encoding: base64"), 415),
        (FORM["Content-Type"], part('name="file"; filename=""', b"") + b"--b--", 400),
    ],
    ids=[
        "no boundary",
        "long boundary",
        "urlencoded",
        "no part",
        "cut off",
        "long header",
        "many headers",
        "no disposition",
        "long field",
        "not UTF-8",
        "many fields",
        "endless preamble",
        "endless epilogue",
        "base64",
        "no file name",
    ],
)
async def test_a_bad_form_is_refused(stage: Stage, content_type: str, body: bytes, status: int) -> None:
    headers = {"Content-Type": content_type}
    answer = await stage.http.post("/v1/batches:extract", content=in_chunks(body), headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    await eventually(lambda: not stage.kept())


@pytest.mark.catalogue("H07")
async def test_a_form_of_too_many_files_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.forms.MAX_FILES", 3)
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}/documents", files=files(4))
    assert answer.status_code == 413
    assert len(answer.json()["documents"]) == 3


async def test_a_form_in_small_pieces_is_read_all_the_same(stage: Stage) -> None:
    body = part('name="prompt"', b"x") + part('name="file"; filename="a\\"b.txt"', b"\r\n--b\r-\n" * 50) + b"--b--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 3):
            yield body[start : start + 3]

    answer = await stage.http.post("/v1/batches:extract", content=pieces(), headers=FORM)
    assert answer.status_code == 400 or stage.memory.statuses() == ["UPLOADED"]
