"""The gateway before the real batch service, database, broker and store: what it answers, door by door."""

import asyncio
import json
import uuid

import httpx2
import pytest

ABSENT = "0199c0de-0000-7000-8000-000000000000"
"""Of a batch that nobody made."""

FINAL = {"COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED"}
PROMPT = {"extraction_prompt": "the invoice number and the total"}
INVOICE = b"Invoice number: 4711\nTotal: 99.50 EUR\n"


async def test_a_pile_goes_in_and_results_come_out(http: httpx2.AsyncClient) -> None:
    files = [("file", (f"{number}.txt", INVOICE, "text/plain")) for number in range(3)]
    created = await http.post("/v1/batches:extract", data={"prompt": PROMPT["extraction_prompt"]}, files=files)
    assert created.status_code == 201, created.text
    path = f"/v1/batches/{created.json()['id']}"
    assert await _final_status(http, path) == "COMPLETED"
    lines = [json.loads(line) for line in (await http.get(f"{path}/results")).text.splitlines()]
    assert [line["position"] for line in lines] == [1, 2, 3]
    assert all(line["result"] for line in lines)


async def _final_status(http: httpx2.AsyncClient, path: str) -> str:
    async with asyncio.timeout(60), http.stream("GET", f"{path}/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith('data: {"batch"') and (found := json.loads(line[6:])["batch"]["status"]) in FINAL:
                return found
    raise AssertionError("the watch ended before the batch did")


async def test_steps_one_by_one_lead_to_a_sealed_batch(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": f"steps {uuid.uuid4()}"}
    batch = (await http.post("/v1/batches", json=PROMPT, headers=key)).json()
    assert (await http.post("/v1/batches", json=PROMPT, headers=key)).json()["id"] == batch["id"]
    path = f"/v1/batches/{batch['id']}"
    announced = {"documents": [{"name": "a.txt", "size_bytes": len(INVOICE)}]}
    document = (await http.post(f"{path}/documents", json=announced)).json()["documents"][0]
    early = await http.post(f"{path}:seal")
    assert (early.status_code, early.json()["reason"]) == (409, "UPLOAD_INCOMPLETE")
    for _ in range(2):
        stored = await http.put(f"{path}/documents/{document['id']}/content", content=INVOICE)
        assert stored.json()["status"] == "UPLOADED", stored.text
    assert (await http.put(f"{path}/files/b.txt", content=b"Total: 1.00 EUR")).status_code == 201
    sealed = await http.post(f"{path}:seal")
    assert sealed.status_code == 200, sealed.text
    late = await http.put(f"{path}/files/c.txt", content=b"x")
    assert (late.status_code, late.json()["reason"]) == (409, "BATCH_NOT_DRAFT")
    assert (await http.post(f"{path}:cancel")).status_code == 200
    listed = await http.get("/v1/batches?page_size=1")
    assert len(listed.json()["batches"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", f"/v1/batches/{ABSENT}", 404, "NOT_FOUND"),
        ("GET", "/v1/batches?page_token=nonsense", 400, "FIELD_INVALID"),
        ("GET", f"/v1/batches/{ABSENT}/results", 404, "NOT_FOUND"),
        ("GET", f"/v1/batches/{ABSENT}/events", 404, "NOT_FOUND"),
        ("POST", f"/v1/batches/{ABSENT}:seal", 404, "NOT_FOUND"),
    ],
)
async def test_what_is_not_there_is_said_plainly(
    http: httpx2.AsyncClient, method: str, path: str, status: int, reason: str
) -> None:
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_a_batch_without_a_prompt_or_documents_is_refused(http: httpx2.AsyncClient) -> None:
    unprompted = await http.post("/v1/batches", json={"name": "x"})
    assert (unprompted.status_code, unprompted.json()["violations"][0]["field"]) == (400, "extraction_prompt")
    batch = (await http.post("/v1/batches", json=PROMPT)).json()
    empty = await http.post(f"/v1/batches/{batch['id']}:seal")
    assert (empty.status_code, empty.json()["reason"]) == (409, "BATCH_EMPTY")


async def test_a_key_nobody_made_is_refused(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/limits", headers={"Authorization": "Bearer quire_nobody"})
    assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED")


async def test_limits_say_what_an_upload_may_weigh(http: httpx2.AsyncClient) -> None:
    limit = (await http.get("/v1/limits")).json()["limits"]["bytes_per_document"]
    batch = (await http.post("/v1/batches", json=PROMPT)).json()
    announced = {"documents": [{"name": "a.txt", "size_bytes": limit + 1}]}
    answer = await http.post(f"/v1/batches/{batch['id']}/documents", json=announced)
    assert (answer.status_code, answer.json()["reason"]) == (413, "FILE_TOO_LARGE")
