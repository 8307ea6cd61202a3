"""Requests that no client of ours would make: each is a problem with its status, and no other request is seen in it."""

import asyncio
import json
from urllib.parse import quote

import pytest
from conftest import Stage
from fake_batch import API_KEY
from raw_requests import answers_in, exchanged, head, status_of
from structlog.testing import capture_logs
from test_forms import FORM, part
from test_uploads import address, eventually

SMUGGLED = b"GET /v1/limits HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.catalogue("H05")
@pytest.mark.parametrize(
    "framing",
    [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding : chunked"],
        ["Content-Length: 4", "Content-Length: 400"],
        ["Content-Length: 4, 400"],
        ["Content-Length: +4"],
        ["Content-Length: -4"],
        ["Content-Length: 0x4"],
        ["Content-Length:\x0b4"],
        ["Content-Length: 4_0"],
        ["Content-Length: "],
        ["X: y\r\n Transfer-Encoding: chunked", "Content-Length:4\x00"],
    ],
)
async def test_a_request_whose_end_is_in_doubt_is_refused_and_nothing_behind_it_is_read(
    stage: Stage, framing: list[str]
) -> None:
    target = f"{await stage.document()}/content"
    answer = await exchanged(stage.settings, head("PUT", target, *framing) + b"0\r\n\r\n" + SMUGGLED)
    assert (status_of(answer), answers_in(answer)) == (400, 1), answer
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]
    assert stage.memory.called("GetLimits") == []


@pytest.mark.catalogue("H05")
@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\nab\r\n0\r\n\r\n",
        b"fffffffffffffffffffff\r\nab",
        b"2\rab\r\n0\r\n\r\n",
        b"2\r\nabcd\r\n0\r\n\r\n",
        b"zz\r\n",
    ],
    ids=["negative", "overflow", "no line feed", "too long", "no number"],
)
async def test_chunks_that_are_none_leave_nothing_behind(stage: Stage, body: bytes) -> None:
    target = f"{await stage.document()}/content"
    answer = await exchanged(stage.settings, head("PUT", target, "Transfer-Encoding: chunked"), body + SMUGGLED)
    assert answers_in(answer) <= 1
    assert answer == b"" or status_of(answer) == 400
    await eventually(lambda: stage.uploads.open == 0 and not stage.kept() and stage.store.pending_uploads() == 0)
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]
    assert stage.memory.called("GetLimits") == []


@pytest.mark.catalogue("H04", "H05")
@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 10**20 - 1, 10**30])
async def test_a_length_beyond_all_bounds_is_refused(stage: Stage, length: int) -> None:
    batch_id = await stage.batch_id()
    for target in (f"{await stage.document()}/content", f"/v1/batches/{batch_id}/files/a.pdf"):
        answer = await exchanged(stage.settings, head("PUT", target, f"Content-Length: {length}"))
        assert status_of(answer) in (400, 413), answer
    assert "UPLOADED" not in stage.memory.statuses()


@pytest.mark.catalogue("H07")
@pytest.mark.parametrize("told", ["abc", "-5", "9" * 30, "1_0", "٣"])
async def test_a_part_with_a_length_that_is_none_is_refused(stage: Stage, told: str) -> None:
    body = part('name="file"; filename="a.txt"', b"12345", f"Content-Length: {told}") + b"--b--\r\n"
    target = f"/v1/batches/{await stage.batch_id()}/documents"
    answer = await stage.http.post(target, content=body, headers=FORM)
    assert answer.status_code == 400, answer.text
    assert stage.memory.statuses() == []


@pytest.mark.catalogue("H12")
@pytest.mark.parametrize(
    "disposition",
    [
        b'filename="\xff\xfe.txt"',
        b'filename="a\x00b.txt"',
        b'filename="a\x1b[31m.txt"',
        b"filename*=UTF-8''%ed%a0%80.txt",
        b"filename*=UTF-8''..%2f..%2fetc%2fpasswd",
        b"filename*=utf-7''+AAA-.txt",
        b"filename=\"a.txt\"; filename*=x''b.txt",
        b'filename="<script>alert(1)</script>"',
        b'filename="../../etc/passwd"',
        b'filename="' + b"n" * 4_000 + b'"',
        'filename="\u202egpj.exe"'.encode(),
    ],
)
async def test_a_hostile_file_name_in_a_form_is_taken_as_text_or_refused(stage: Stage, disposition: bytes) -> None:
    head_of_part = b'--b\r\nContent-Disposition: form-data; name="file"; ' + disposition
    body = head_of_part + b"\r\n\r\n12345\r\n--b--\r\n"
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}/documents", content=body, headers=FORM)
    assert answer.status_code in (201, 400, 413), answer.text
    assert b"<script" not in answer.content or answer.headers["content-type"].endswith("json")
    assert all(key.startswith("t/tests/") and "passwd" not in key and "script" not in key for key in stage.kept())


@pytest.mark.catalogue("H12")
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\x", "a\0b", "\ud800", "%ff", "a\r\nb", "CON", "-rf", "n" * 9_000]
)
async def test_a_hostile_file_name_in_a_path_is_taken_as_text_or_refused(stage: Stage, name: str) -> None:
    target = f"/v1/batches/{await stage.batch_id()}/files/" + quote(name.encode(errors="surrogatepass"), safe="/")
    answer = await exchanged(stage.settings, head("PUT", target, "Content-Length: 5", "Connection: close"), b"12345")
    assert status_of(answer) in (201, 400, 404), answer
    assert answers_in(answer) == 1
    assert all(key.startswith("t/tests/") and "passwd" not in key for key in stage.kept())


@pytest.mark.catalogue("H21")
@pytest.mark.parametrize(
    "schema",
    [
        '{"properties": {"a": {"title": "\\ud800"}}}',
        '{"properties": {"\\udfff": {}}}',
        '{"a": ' * 700 + "1" + "}" * 700,
        "[" * 900 + "]" * 900,
        '{"a": 1' + "0" * 4_000 + "}",
        '{"a": 1e308}',
    ],
)
async def test_a_schema_that_only_some_readers_take_is_no_fault_of_ours(stage: Stage, schema: str) -> None:
    body = f'{{"extraction_prompt": "x", "output_schema": {schema}}}'
    answer = await stage.http.post("/v1/batches", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (201, 400), answer.text


@pytest.mark.catalogue("H17")
@pytest.mark.parametrize(
    "header",
    [{"Range": "bytes=" + "0-," * 5_000}, {"Range": "bytes=9-1"}, {"If-Match": '"x"'}, {"If-None-Match": "*"}],
)
async def test_headers_about_parts_and_versions_change_nothing(stage: Stage, header: dict[str, str]) -> None:
    path = f"/v1/batches/{await stage.batch_id()}"
    assert (await stage.http.get(path, headers=header)).json()["status"] == "PENDING"
    assert (await stage.http.get(f"{path}/results", headers=header)).status_code == 200


@pytest.mark.catalogue("H20")
async def test_the_host_a_caller_names_is_believed_nowhere(stage: Stage) -> None:
    body = {"extraction_prompt": "x"}
    answer = await stage.http.post("/v1/batches", json=body, headers={"Host": "evil.example"})
    assert answer.headers["location"] == f"/v1/batches/{answer.json()['id']}"
    assert "evil" not in answer.text
    for request in (
        b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
    ):
        assert status_of(await exchanged(stage.settings, request)) == 400, request


@pytest.mark.catalogue("H23")
async def test_a_page_of_another_origin_is_granted_nothing(stage: Stage) -> None:
    foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    asked = await stage.http.options("/v1/batches", headers=foreign)
    answered = await stage.http.get("/v1/batches", headers=foreign)
    assert asked.status_code == 405
    assert not [name for answer in (asked, answered) for name in answer.headers if name.startswith("access-control")]


@pytest.mark.catalogue("G25", "H01")
async def test_two_credentials_are_none(stage: Stage) -> None:
    other = "Authorization: Bearer of-somebody-else"
    for first, second in (("X: y", other), (other, "X: y")):
        answer = await exchanged(stage.settings, head("GET", "/v1/batches", first, second, "Connection: close"))
        assert status_of(answer) == (401 if other in (first, second) else 200), answer


@pytest.mark.catalogue("H22")
async def test_a_query_of_a_mebibyte_is_refused(stage: Stage) -> None:
    answer = await exchanged(stage.settings, head("GET", f"/v1/batches?name_contains={'x' * 2**20}"))
    assert status_of(answer) == 431
    for query in (
        "page_size[]=1&page_size=a",
        "page_size=1e9",
        "page_size=-1",
        "page_size=%00",
        "status=" + "a," * 900,
    ):
        assert (await stage.http.get(f"/v1/batches?{query}")).status_code in (200, 400)


@pytest.mark.catalogue("H19")
async def test_another_version_of_http_is_not_spoken(stage: Stage) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
    answer = await exchanged(stage.settings, preface)
    assert (status_of(answer), answers_in(answer)) == (400, 1)
    upgrade = head(
        "GET", "/healthz", "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAA"
    )
    answer = await exchanged(stage.settings, upgrade)
    assert (status_of(answer), answers_in(answer)) == (200, 1)
    assert b"101" not in answer.split(b"\r\n", 1)[0]


@pytest.mark.catalogue("H09")
async def test_hundreds_that_send_nothing_more_keep_nobody_waiting(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.http.protocol.HEAD_SECONDS", 3.0)
    slow = [asyncio.create_task(exchanged(stage.settings, b"GET /healthz HTTP/1.1\r\nX: ")) for _ in range(30)]
    await eventually(lambda: len(asyncio.all_tasks()) > 30)
    for _ in range(20):
        assert (await stage.http.get("/v1/limits")).status_code == 200
    assert {status_of(answer) for answer in await asyncio.gather(*slow)} == {408}


@pytest.mark.catalogue("H10")
async def test_a_client_that_left_is_noted_as_one(stage: Stage) -> None:
    path = await stage.document()
    with capture_logs() as events:
        _, writer = await asyncio.open_connection(*address(stage))
        writer.write(head("PUT", f"{path}/content", "Content-Length: 600000") + bytes(300_000))
        await eventually(lambda: stage.uploads.open == 1)
        writer.close()
        await eventually(lambda: stage.uploads.open == 0)
        await eventually(lambda: any(event["event"] == "request_answered" for event in events))
    answered = [event["status"] for event in events if event["event"] == "request_answered"]
    assert answered[-1] == 499
    assert stage.memory.statuses() == ["PENDING_UPLOAD"]


@pytest.mark.catalogue("G22")
async def test_a_call_that_takes_too_long_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.rpc_faults.CALL_SECONDS", 0.2)
    batch_id = await stage.batch_id()
    stage.memory.faults["GetBatch"] = asyncio.Event()
    answer = await stage.http.get(f"/v1/batches/{batch_id}")
    assert (answer.status_code, answer.json()["reason"]) == (504, "SERVICE_UNAVAILABLE")
    assert "0.2 s" in answer.json()["detail"]


async def test_json_reads_back_what_it_was_given(stage: Stage) -> None:
    """A name that would be markup stays text: JSON is what carries it, and the type says so."""
    batch_id = await stage.batch_id()
    name = "<img src=x onerror=alert(1)>.pdf"
    added = await stage.http.post(f"/v1/batches/{batch_id}/documents", json={"documents": [{"name": name}]})
    assert json.loads(added.content)["documents"][0]["name"] == name
    assert added.headers["x-content-type-options"] == "nosniff"
    assert API_KEY not in added.text
