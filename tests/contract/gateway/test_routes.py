import json
import re
import uuid

import pytest
from conftest import Stage

from chassis.errors import CallReason, precondition
from quire.batch.v1.batch_pb2 import BatchStatus
from quire.batch.v1.document_pb2 import DocumentResult, DocumentStatus


async def test_create_batch_answers_the_draft_with_its_location(stage: Stage) -> None:
    body = {
        "extraction_prompt": "the total",
        "name": "May",
        "output_schema": {"type": "object"},
        "options": {"deadline": "3600s", "sample_first": 2},
    }
    answer = await stage.http.post("/v1/batches", json=body)
    batch = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/batches/{batch['id']}"
    assert (batch["status"], batch["tier"], batch["version"]) == ("PENDING", "PLUS", 1)
    assert batch["output_schema"] == {"type": "object"}
    assert batch["options"]["deadline"] == "3600s"
    assert batch["create_time"] == "2026-11-23T10:00:00Z"
    assert batch["complete_time"] is None
    assert batch["hold_reason"] is None
    assert batch["hold_reasons"] == []


async def test_the_same_key_answers_the_same_batch_when_it_is_sent_again(stage: Stage) -> None:
    key = {"Idempotency-Key": "order 4711"}
    first = await stage.http.post("/v1/batches", json={"extraction_prompt": "total"}, headers=key)
    again = await stage.http.post("/v1/batches", json={"extraction_prompt": "total"}, headers=key)
    assert again.json()["id"] == first.json()["id"]
    [one, two] = stage.memory.called("CreateBatch")
    assert one.request_id == two.request_id == str(uuid.UUID(one.request_id))


async def test_a_uuid_as_key_passes_as_it_is(stage: Stage) -> None:
    key = str(uuid.uuid4())
    await stage.http.post("/v1/batches", json={"extraction_prompt": "x"}, headers={"Idempotency-Key": key})
    assert stage.memory.called("CreateBatch")[0].request_id == key


async def test_list_batches_passes_filters_and_paging_on(stage: Stage) -> None:
    await stage.batch_id()
    query = "status=PENDING&status=completed&name_contains=May&page_size=7&page_token=abc&order_by=create_time%20asc"
    answer = await stage.http.get(f"/v1/batches?{query}")
    [asked] = stage.memory.called("ListBatches")
    assert list(asked.statuses) == [BatchStatus.BATCH_STATUS_PENDING, BatchStatus.BATCH_STATUS_COMPLETED]
    assert (asked.name_contains, asked.page_size, asked.page_token) == ("May", 7, "abc")
    assert asked.order_by == "create_time asc"
    assert answer.json()["next_page_token"] == "next"
    assert len(answer.json()["batches"]) == 1


async def test_get_batch_answers_the_batch(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    answer = await stage.http.get(f"/v1/batches/{batch_id}")
    assert answer.json()["id"] == batch_id
    assert answer.headers["content-type"] == "application/json"


async def test_add_documents_answers_the_announced_ones_in_order(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    body = {"documents": [{"name": "a.pdf", "size_bytes": 2**40}, {"name": "b.pdf", "media_type": "application/pdf"}]}
    answer = await stage.http.post(f"/v1/batches/{batch_id}/documents", json=body)
    assert answer.status_code == 201
    documents = answer.json()["documents"]
    assert [item["name"] for item in documents] == ["a.pdf", "b.pdf"]
    assert documents[0]["size_bytes"] == 2**40
    assert documents[0]["status"] == "PENDING_UPLOAD"
    assert answer.json()["batch"]["id"] == batch_id


async def test_list_documents_passes_filters_on(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.get(path.rpartition("/")[0] + "?status=FAILED&error_code=FILE_EMPTY&page_size=3")
    [asked] = stage.memory.called("ListDocuments")
    assert list(asked.statuses) == [DocumentStatus.DOCUMENT_STATUS_FAILED]
    assert list(asked.error_codes) == ["FILE_EMPTY"]
    assert answer.json()["documents"][0]["name"] == "a.pdf"


async def test_get_document_answers_the_document(stage: Stage) -> None:
    path = await stage.document()
    answer = await stage.http.get(path)
    assert answer.json()["id"] == path.rpartition("/")[2]
    assert answer.json()["error"] is None


async def test_seal_takes_no_body_or_drop_incomplete(stage: Stage) -> None:
    first, second = await stage.batch_id(), await stage.batch_id()
    plain = await stage.http.post(f"/v1/batches/{first}:seal")
    dropping = await stage.http.post(f"/v1/batches/{second}:seal", json={"drop_incomplete": True})
    assert plain.json()["status"] == dropping.json()["status"] == "QUEUED"
    assert [asked.drop_incomplete for asked in stage.memory.called("SealBatch")] == [False, True]


async def test_cancel_answers_the_cancelled_batch(stage: Stage) -> None:
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}:cancel")
    assert answer.json()["status"] == "CANCELLED"


async def test_pause_and_resume_answer_the_batch_with_what_holds_it(stage: Stage) -> None:
    path = f"/v1/batches/{await stage.batch_id()}"
    assert (await stage.http.post(f"{path}:pause")).json()["hold_reason"] == "PAUSED_BY_USER"
    assert (await stage.http.post(f"{path}:resume")).json()["hold_reason"] is None


async def test_documents_are_cancelled_by_their_ids(stage: Stage) -> None:
    path = f"/v1/batches/{await stage.batch_id()}/documents:cancel"
    answer = await stage.http.post(path, json={"document_ids": ["d1", "d2"]})
    [asked] = stage.memory.called("CancelDocuments")
    assert list(asked.document_ids) == ["d1", "d2"]
    assert (answer.status_code, answer.json()["cancelled_count"]) == (200, 2)
    without = await stage.http.post(path, json={})
    assert (without.status_code, without.json()["violations"][0]["field"]) == (400, "document_ids")


async def test_a_deleted_batch_is_gone(stage: Stage) -> None:
    path = f"/v1/batches/{await stage.batch_id()}"
    answer = await stage.http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await stage.http.get(path)).status_code == 404


@pytest.mark.catalogue("H24")
async def test_results_that_were_purged_are_gone(stage: Stage) -> None:
    stage.memory.faults["StreamResults"] = precondition(CallReason.BATCH_PURGED, "removed")
    answer = await stage.http.get(f"/v1/batches/{await stage.batch_id()}/results")
    assert (answer.status_code, answer.json()["reason"]) == (410, "BATCH_PURGED")


async def test_retry_passes_ids_and_codes_on(stage: Stage) -> None:
    body = {"document_ids": ["d1"], "error_codes": ["WORKER_LOST"]}
    answer = await stage.http.post(f"/v1/batches/{await stage.batch_id()}:retry", json=body)
    [asked] = stage.memory.called("RetryDocuments")
    assert (list(asked.document_ids), list(asked.error_codes)) == (["d1"], ["WORKER_LOST"])
    assert answer.json()["retried_count"] == 3


async def test_results_are_one_json_object_a_line(stage: Stage) -> None:
    succeeded, failed = DocumentStatus.DOCUMENT_STATUS_SUCCEEDED, DocumentStatus.DOCUMENT_STATUS_FAILED
    good = DocumentResult(document_id="d1", position=1, status=succeeded, result_json=b'{"fields":\n{"total":1.50}}')
    bad = DocumentResult(document_id="d2", position=2, status=failed)
    bad.error.code = "FILE_CORRUPT"
    stage.memory.results = [good, bad]
    path = f"/v1/batches/{await stage.batch_id()}/results?include_errors=true&after_position=4"
    answer = await stage.http.get(path)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines[0]["result"] == {"fields": {"total": 1.5}}
    assert lines[1]["result"] is None
    assert lines[1]["error"]["code"] == "FILE_CORRUPT"
    [asked] = stage.memory.called("StreamResults")
    assert (asked.include_errors, asked.after_position) == (True, 4)


async def test_results_of_nothing_are_an_empty_answer(stage: Stage) -> None:
    answer = await stage.http.get(f"/v1/batches/{await stage.batch_id()}/results")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_limits_are_those_of_the_batch_service(stage: Stage) -> None:
    limits = (await stage.http.get("/v1/limits")).json()["limits"]
    assert (limits["tier"], limits["bytes_per_document"]) == ("PLUS", stage.memory.max_bytes)


async def test_usage_is_told_for_as_many_months_as_asked(stage: Stage) -> None:
    found = (await stage.http.get("/v1/usage?months=3")).json()
    assert ([one["documents"] for one in found["months"]], found["usage"]["documents_this_month"]) == ([7, 7, 7], 7)
    assert (await stage.http.get("/v1/usage?months=many")).json()["violations"][0]["field"] == "months"


async def test_errors_lists_every_code_without_a_credential(stage: Stage) -> None:
    answer = await stage.http.get("/v1/errors", headers={"Authorization": ""})
    codes = {item["code"]: item for item in answer.json()["errors"]}
    assert codes["PDF_ENCRYPTED"]["actor"] == "user"
    assert all(item["remedy"] for item in codes.values())


async def test_health_says_live_and_ready(stage: Stage) -> None:
    live, ready = await stage.http.get("/healthz"), await stage.http.get("/readyz")
    assert live.json() == {"status": "ok"}
    assert (ready.status_code, ready.json()["batch"], ready.json()["store"]) == (200, "ok", "ok")


async def test_openapi_names_every_route_and_its_answer(stage: Stage) -> None:
    document = (await stage.http.get("/openapi.json")).json()
    seal = document["paths"]["/v1/batches/{batch_id}:seal"]["post"]
    answer = seal["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/quire.batch.v1.Batch"}
    streams = {name: document["paths"][f"/v1/batches/{{batch_id}}/{name}"]["get"] for name in ("events", "results")}
    items = {name: one["responses"]["200"]["content"].popitem()[1]["itemSchema"] for name, one in streams.items()}
    assert items["results"] == {"$ref": "#/components/schemas/quire.batch.v1.DocumentResult"}
    assert items["events"]["properties"]["event"]["enum"] == ["batch", "end", "problem"]
    references = set(_references(document))
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_ask_nothing_of_anybody_else(stage: Stage, path: str) -> None:
    page = await stage.http.get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "https://" not in page.text


async def test_every_answer_carries_the_security_headers(stage: Stage) -> None:
    for path in ("/v1/limits", "/nowhere", "/healthz"):
        headers = (await stage.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def _references(document: object) -> list[str]:
    return re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
