"""The same way by HTTP alone, with an HTTP client that is not ours."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from tests.e2e.conftest import Pile
from tests.e2e.running_quire import FINAL_SECONDS, STATUSES, Quire

PROMPT = {"extraction_prompt": "invoice number, total"}
FINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELLED", "EXPIRED"}
UNKNOWN = "01a209cb-dfea-716f-8cbc-37652c494058"

Event = tuple[str, str, dict[str, Any]]


def note(number: int) -> bytes:
    return f"Invoice number: INV-{number:04}\nTotal: {number}.50 EUR\n".encode()


async def events(http: httpx2.AsyncClient, batch_id: str, after: str = "") -> AsyncGenerator[Event]:
    """Name, id and body of each server-sent event."""
    headers = {"Last-Event-ID": after} if after else {}
    async with http.stream("GET", f"/v1/batches/{batch_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}


async def draft(http: httpx2.AsyncClient, **more: Any) -> str:
    created = await http.post("/v1/batches", json=PROMPT | more)
    assert created.status_code == 201
    assert created.headers["Location"] == f"/v1/batches/{created.json()['id']}"
    assert created.json()["status"] == "PENDING"
    return created.json()["id"]


async def watched(http: httpx2.AsyncClient, batch_id: str) -> dict[str, Any]:
    """The batch of the last snapshot."""
    snapshots = [body["batch"] async for name, _, body in events(http, batch_id) if name == "batch"]
    return snapshots[-1]


async def extracted(http: httpx2.AsyncClient, *files: tuple[str, bytes]) -> dict[str, Any]:
    """A batch made in one request, when it is final."""
    parts = [("file", file) for file in files]
    sent = await http.post("/v1/batches:extract", data={"prompt": PROMPT["extraction_prompt"]}, files=parts)
    assert sent.status_code == 201, sent.text
    async with asyncio.timeout(FINAL_SECONDS):
        return await watched(http, sent.json()["id"])


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Status and reason of a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["reason"]


async def test_a_batch_goes_step_by_step_from_draft_to_results(http: httpx2.AsyncClient, pile: Pile) -> None:
    batch_id = await draft(http, name="Step by step")
    announced = await http.post(f"/v1/batches/{batch_id}/documents", json={"documents": [{"name": "raw.txt"}]})
    document_id = announced.json()["documents"][0]["id"]
    raw = await http.put(f"/v1/batches/{batch_id}/documents/{document_id}/content", content=note(1))
    assert (raw.json()["status"], raw.json()["sha256"]) == ("UPLOADED", hashlib.sha256(note(1)).hexdigest())
    named = await http.put(f"/v1/batches/{batch_id}/files/named.txt", content=note(2))
    assert named.status_code == 201
    files = [("file", (path.name, path.read_bytes())) for path in pile.paths if path.suffix in {".pdf", ".docx"}]
    form = await http.post(f"/v1/batches/{batch_id}/documents", files=files)
    assert [one["status"] for one in form.json()["documents"]] == ["UPLOADED"] * len(files)
    sealed = await http.post(f"/v1/batches/{batch_id}:seal")
    assert sealed.json()["counters"]["total"] == len(files) + 2
    async with asyncio.timeout(FINAL_SECONDS):
        batch = await watched(http, batch_id)
    assert batch["status"] == "COMPLETED_WITH_ERRORS"
    assert sum(batch["counters"][status] for status in STATUSES) == batch["counters"]["total"]
    results = await http.get(f"/v1/batches/{batch_id}/results")
    values = [json.loads(line)["result"]["values"] for line in results.text.splitlines()]
    assert values[:2] == [{"invoice_number": f"INV-000{n}", "total": n + 0.5} for n in (1, 2)]
    assert len(values) == batch["counters"]["succeeded"]


async def test_many_files_go_in_one_request(http: httpx2.AsyncClient) -> None:
    batch = await extracted(http, *((f"{n}.txt", note(n)) for n in range(1, 6)))
    assert (batch["status"], batch["counters"]["succeeded"]) == ("COMPLETED", 5)


async def test_events_resume_behind_the_last_one_seen_and_end_with_the_batch(http: httpx2.AsyncClient) -> None:
    batch_id = await draft(http)
    async with asyncio.timeout(FINAL_SECONDS):
        stream = events(http, batch_id)
        name, seen, body = await anext(stream)
        await stream.aclose()
        assert (name, body["batch"]["status"]) == ("batch", "PENDING")
        await http.put(f"/v1/batches/{batch_id}/files/a.txt", content=note(1))
        await http.post(f"/v1/batches/{batch_id}:seal")
        later = [event async for event in events(http, batch_id, after=seen)]
    assert [name for name, _, _ in later] == ["batch"] * (len(later) - 1) + ["end"]
    versions = [int(seen), *(int(version) for name, version, _ in later if name == "batch")]
    assert versions == sorted(set(versions))
    assert later[-2][2]["batch"]["status"] == "COMPLETED"
    nothing_more = await http.get(f"/v1/batches/{batch_id}/events", headers={"Last-Event-ID": str(versions[-1])})
    assert nothing_more.status_code == 204


async def test_the_same_idempotency_key_makes_one_batch(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first, second = [await http.post("/v1/batches", json=PROMPT, headers=key) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    other = await http.post("/v1/batches", json={"extraction_prompt": "other"}, headers=key)
    assert problem(other) == (400, "REQUEST_ID_REUSED")


async def test_limits_are_those_of_the_tier(http: httpx2.AsyncClient) -> None:
    found = (await http.get("/v1/limits")).json()
    limits = found["limits"]
    assert (limits["tier"], limits["documents_per_batch"], limits["open_batches"]) == ("GROWTH", 500, 20)
    assert found["usage"]["documents_this_month"] >= 0
    batch_id = await draft(http)
    named = [{"name": f"{number}.txt"} for number in range(limits["documents_per_batch"] + 1)]
    refused = await http.post(f"/v1/batches/{batch_id}/documents", json={"documents": named})
    assert problem(refused) == (409, "TIER_LIMIT")
    assert (await http.get(f"/v1/batches/{batch_id}")).json()["counters"]["total"] == 0


async def test_a_cancelled_batch_ends_cancelled_and_takes_nothing_more(http: httpx2.AsyncClient) -> None:
    batch_id = await draft(http)
    await http.put(f"/v1/batches/{batch_id}/files/a.txt", content=note(1))
    cancelled = await http.post(f"/v1/batches/{batch_id}:cancel")
    assert (cancelled.json()["status"], cancelled.json()["counters"]["cancelled"]) == ("CANCELLED", 1)
    again = await http.post(f"/v1/batches/{batch_id}:cancel")
    assert again.json()["version"] == cancelled.json()["version"]
    refused = await http.put(f"/v1/batches/{batch_id}/files/b.txt", content=note(2))
    assert problem(refused) == (409, "BATCH_NOT_DRAFT")


async def test_a_retry_runs_what_failed_once_more_and_only_that(http: httpx2.AsyncClient, pile: Pile) -> None:
    broken = (pile.folder / "invoice-damaged.pdf").read_bytes()
    before = await extracted(http, ("good.txt", note(1)), ("broken.pdf", broken))
    assert before["status"] == "COMPLETED_WITH_ERRORS"
    retried = await http.post(f"/v1/batches/{before['id']}:retry", json={"error_codes": ["FILE_CORRUPT"]})
    assert retried.json()["retried_count"] == 1
    async with asyncio.timeout(FINAL_SECONDS):
        after = await watched(http, before["id"])
    assert (after["status"], after["retry_generation"]) == ("COMPLETED_WITH_ERRORS", 1)
    assert after["counters"] == before["counters"]
    listed = (await http.get(f"/v1/batches/{before['id']}/documents")).json()["documents"]
    assert [(one["name"], one["attempt"]) for one in listed] == [("good.txt", 1), ("broken.pdf", 2)]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected", "field"),
    [
        ("GET", f"/v1/batches/{UNKNOWN}", None, (404, "NOT_FOUND"), ""),
        ("GET", f"/v1/batches/{UNKNOWN}/results", None, (404, "NOT_FOUND"), ""),
        ("GET", f"/v1/batches/{UNKNOWN}/events", None, (404, "NOT_FOUND"), ""),
        ("GET", "/v1/batches/none", None, (400, "FIELD_INVALID"), "batch_id"),
        ("POST", "/v1/batches", {}, (400, "FIELD_INVALID"), "extraction_prompt"),
        ("POST", "/v1/batches", PROMPT | {"output_schema": "{"}, (400, "FIELD_INVALID"), "output_schema"),
        ("GET", "/v1/batches?page_token=forged", None, (400, "FIELD_INVALID"), "page_token"),
        ("GET", "/v1/batches?page_size=-1", None, (400, "FIELD_INVALID"), "page_size"),
        ("DELETE", "/v1/limits", None, (405, "METHOD_NOT_ALLOWED"), ""),
        ("GET", "/v2", None, (404, "ROUTE_UNKNOWN"), ""),
    ],
)
async def test_a_bad_request_is_answered_with_its_reason_and_field(
    http: httpx2.AsyncClient, method: str, path: str, body: Any, expected: tuple[int, str], field: str
) -> None:
    answer = await http.request(method, path, json=body)
    assert problem(answer) == expected
    assert [violation["field"] for violation in answer.json().get("violations", [])] == ([field] if field else [])


async def test_sealing_a_draft_asks_for_documents_and_all_their_bytes(http: httpx2.AsyncClient) -> None:
    batch_id = await draft(http)
    assert problem(await http.post(f"/v1/batches/{batch_id}:seal")) == (409, "BATCH_EMPTY")
    await http.post(f"/v1/batches/{batch_id}/documents", json={"documents": [{"name": "a.txt"}]})
    assert problem(await http.post(f"/v1/batches/{batch_id}:seal")) == (409, "UPLOAD_INCOMPLETE")


async def test_nobody_gets_in_without_a_key(quire: Quire) -> None:
    async with httpx2.AsyncClient(base_url=quire.env["QUIRE_GATEWAY_URL"], trust_env=False) as stranger:
        answer = await stranger.get("/v1/batches")
    assert problem(answer) == (401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_too_large_a_body_is_refused_before_it_is_sent(quire: Quire, http: httpx2.AsyncClient) -> None:
    batch_id = await draft(http)
    address = urlsplit(quire.env["QUIRE_GATEWAY_URL"])
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"PUT /v1/batches/{batch_id}/files/huge.pdf HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += f"Authorization: Bearer {quire.env['QUIRE_API_KEY']}\r\nContent-Length: {101 * 1024 * 1024}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.startswith(b"HTTP/1.1 413")
