import asyncio
import json

import grpc
import pytest
from conftest import Stage
from fake_batch import API_KEY
from test_uploads import raw

from chassis.errors import (
    CallError,
    CallReason,
    QuotaViolation,
    exhausted,
    forbidden,
    internal,
    invalid,
    not_implemented,
    precondition,
    tier_required,
    unavailable,
)
from chassis.failures import FailureCode

QUOTA = QuotaViolation("open_batches", 3, 3, "2026-12-01T00:00:00Z")
FAULTS: list[tuple[CallError, int]] = [
    (invalid({"name": "too long"}), 400),
    (invalid({"size_bytes": "too large"}, FailureCode.FILE_TOO_LARGE), 413),
    (invalid({"size_bytes": "no bytes"}, FailureCode.FILE_EMPTY), 422),
    (invalid({"request_id": "used with another body"}, CallReason.REQUEST_ID_REUSED), 400),
    (forbidden("not with this key"), 403),
    (tier_required("move to PLUS", "PLUS"), 403),
    (precondition(CallReason.BATCH_NOT_DRAFT, "sealed"), 409),
    (CallError(grpc.StatusCode.ABORTED, CallReason.BATCH_NOT_DRAFT, "someone else was faster"), 409),
    (exhausted(FailureCode.QUOTA_EXHAUSTED, "three are open", QUOTA, 61.2), 429),
    (not_implemented("CreateBatch"), 501),
    (unavailable("the database"), 503),
    (CallError(grpc.StatusCode.DEADLINE_EXCEEDED, CallReason.SERVICE_UNAVAILABLE, "too slow", retry_after=2), 504),
    (internal("abc123"), 500),
]


@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=[f"{fault.reason}-{status}" for fault, status in FAULTS])
async def test_each_fault_of_the_batch_service_has_its_status(stage: Stage, fault: CallError, status: int) -> None:
    stage.memory.faults["GetLimits"] = fault
    answer = await stage.http.get("/v1/limits")
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:quire:error:{fault.reason}"
    assert problem["reason"] == fault.reason
    assert problem["detail"] == fault.message
    named = {item["field"]: item["description"] for item in problem.get("violations", [])}
    assert named == fault.violations
    assert ("retry-after" in answer.headers) == (fault.retry_after is not None)


async def test_a_quota_problem_says_limit_use_and_reset(stage: Stage) -> None:
    stage.memory.faults["GetLimits"] = exhausted(FailureCode.QUOTA_EXHAUSTED, "three are open", QUOTA, 61.2)
    answer = await stage.http.get("/v1/limits")
    quota = {"limit": "open_batches", "maximum": 3, "used": 3, "reset": "2026-12-01T00:00:00Z"}
    assert answer.json()["quota"] == quota
    assert answer.json()["actor"] == "tenant admin"
    assert "Wait until" in answer.json()["remedy"]
    assert answer.headers["retry-after"] == "62"


async def test_a_tier_problem_names_the_tier_to_move_to(stage: Stage) -> None:
    stage.memory.faults["GetLimits"] = tier_required("move to PLUS", "PLUS")
    assert (await stage.http.get("/v1/limits")).json()["metadata"] == {"tier_required": "PLUS"}


async def test_a_slow_batch_service_is_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.backend.DEADLINE_SECONDS", 0.2)
    stage.memory.faults["GetLimits"] = 5.0
    answer = await stage.http.get("/v1/limits")
    assert (answer.status_code, answer.headers["retry-after"]) == (504, "2")


async def test_a_refused_stream_is_a_problem_and_not_an_empty_answer(stage: Stage) -> None:
    for path in ("results", "events"):
        answer = await stage.http.get(f"/v1/batches/nowhere/{path}")
        assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


@pytest.mark.catalogue("H01")
@pytest.mark.parametrize("value", [None, "", "Basic abc", "Bearer", "Bearer ", "bearer \t"])
async def test_no_credential_is_refused_before_anything_is_read(stage: Stage, value: str | None) -> None:
    credential = f"Authorization: {value}\r\n" if value is not None else ""
    head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n{credential}\r\n"
    answer = await raw(stage, head.encode())
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: bearer" in answer.lower()
    assert stage.memory.calls == []


@pytest.mark.catalogue("H01")
async def test_a_wrong_key_is_refused_by_the_batch_service(stage: Stage) -> None:
    answer = await stage.http.get("/v1/limits", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="quire"')


@pytest.mark.catalogue("H02")
async def test_an_unknown_route_is_a_problem(stage: Stage) -> None:
    answer = await stage.http.get("/v1/nothing")
    assert (answer.status_code, answer.json()["reason"]) == (404, "ROUTE_UNKNOWN")


@pytest.mark.catalogue("H02")
async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(stage: Stage) -> None:
    answer = await stage.http.delete("/v1/batches")
    assert (answer.status_code, answer.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.catalogue("H21")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"extraction_prompt": "a", "extraction_prompt": "b"}',
        b'{"extraction_prompt": "a"} {}',
        b'\xef\xbb\xbf{"extraction_prompt": "a"}',
        b'{"extraction_prompt": "\xff"}',
        b'{"extraction_prompt": "a", "options": {"sample_first": 1e400}}',
        b'{"extraction_prompt": "a", "options": {"sample_first": NaN}}',
        b'{"extraction_prompt": "a", "options": {"sample_first": ' + b"9" * 5000 + b"}}",
    ],
)
async def test_json_that_is_none_is_refused(stage: Stage, body: bytes) -> None:
    answer = await stage.http.post("/v1/batches", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "REQUEST_MALFORMED")


@pytest.mark.catalogue("G20", "H21")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"extraction_prompt": 7}, "extraction_prompt"),
        ({"extraction_prompt": "a", "colour": 1}, "colour"),
        ({"extraction_prompt": "a", "options": {"sample_first": "1"}}, "options.sample_first"),
        ({"extraction_prompt": "a", "options": {"sample_first": 2**31}}, "options.sample_first"),
        ({"extraction_prompt": "a", "options": {"deadline": "soon"}}, "options.deadline"),
        ({"extraction_prompt": "\ud800"}, "extraction_prompt"),
        (["a"], "body"),
        ({}, "extraction_prompt"),
    ],
)
async def test_a_body_that_does_not_fit_names_the_field(stage: Stage, body: object, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await stage.http.post("/v1/batches", content=json.dumps(body), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "FIELD_INVALID")
    assert answer.json()["violations"][0]["field"] == field


@pytest.mark.catalogue("H04")
async def test_json_of_more_than_a_mebibyte_is_refused(stage: Stage) -> None:
    answer = await stage.http.post("/v1/batches", json={"extraction_prompt": "x" * 2**20})
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.catalogue("H03")
async def test_another_media_type_than_json_is_refused(stage: Stage) -> None:
    answer = await stage.http.post("/v1/batches", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.headers["accept-post"]) == (415, "application/json")


@pytest.mark.catalogue("H22")
@pytest.mark.parametrize("query", ["page_size=abc", "page_size=99999999999", "status=WHATEVER"])
async def test_a_bad_query_names_the_parameter(stage: Stage, query: str) -> None:
    answer = await stage.http.get(f"/v1/batches?{query}")
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, query.partition("=")[0])


@pytest.mark.catalogue("H14")
@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_of_the_wrong_length_is_refused(stage: Stage, key: str) -> None:
    body = {"extraction_prompt": "x"}
    answer = await stage.http.post("/v1/batches", json=body, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["violations"][0]["field"]) == (400, "Idempotency-Key")


@pytest.mark.catalogue("H05", "H18", "H20")
@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
        ("GET healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
        ("NONSENSE\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + "y" * 40_000 + "\r\n\r\n", 431),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + "y" * 40_000, 431),
        ("GET /healthz HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 1_000 + "\r\n", 431),
    ],
    ids=[
        "both lengths",
        "two lengths",
        "negative length",
        "no slash",
        "nonsense",
        "large head",
        "endless head",
        "many headers",
    ],
)
async def test_a_request_that_is_no_http_is_a_problem_too(stage: Stage, request_text: str, status: int) -> None:
    answer = await raw(stage, request_text.encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer


@pytest.mark.catalogue("H09")
async def test_a_head_that_does_not_come_is_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.protocol.HEAD_SECONDS", 0.2)
    answer = await raw(stage, b"GET /healthz HTTP/1.1\r\nHost: ")
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.catalogue("H09")
async def test_bytes_that_do_not_come_are_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.patience.patient.__defaults__", (0.2,))
    path = await stage.document()
    head = f"PUT {path}/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_KEY}\r\nContent-Length: 9\r\n\r\nabc"
    answer = await asyncio.wait_for(raw(stage, head.encode()), 10)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"UPLOAD_INCOMPLETE" in answer
