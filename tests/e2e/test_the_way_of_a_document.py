"""The sample pile goes in by the `quire` command; what comes out is held against the truth, at every door."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source
from quire.batch.v1.batch_service_pb2 import GetBatchRequest, ListDocumentsRequest, StreamResultsRequest
from quire_client import QuireClient
from quire_client.command.messages import json_of
from quire_client.exporting import cell_text
from samples.score import score
from tests.e2e.conftest import Pile
from tests.e2e.grpc_stubs import batch_stub
from tests.e2e.running_quire import Quire, Said, counted, recount

ENOUGH = 0.9


@dataclass(frozen=True)
class Submitted:
    """The pile after the command came back."""

    said: Said
    batch_id: str
    rows: dict[str, dict[str, str]]
    """The lines of the CSV file by document."""


@pytest.fixture(scope="session")
def kept() -> list[Submitted]:
    return []


@pytest.fixture
async def submitted(quire: Quire, pile: Pile, tmp_path: Path, kept: list[Submitted]) -> Submitted:
    """Submitted once for all tests, by the first that asks."""
    if not kept:
        table = tmp_path / "results.csv"
        said = await quire.command(
            "submit", str(pile.folder), "--prompt", pile.prompt, "--name", "Sample pile", "--wait", "--out", str(table)
        )
        newest = json.loads((await quire.command("show", "last", "--json")).out)
        with table.open(newline="", encoding="utf-8") as lines:
            kept.append(Submitted(said, newest["id"], {row["document"]: row for row in csv.DictReader(lines)}))
    return kept[0]


async def results_of(http: httpx2.AsyncClient, batch_id: str) -> dict[str, dict[str, Any]]:
    """Every line of the HTTP results by document."""
    answer = await http.get(f"/v1/batches/{batch_id}/results", params={"include_errors": "true"})
    assert answer.status_code == 200
    lines = [json.loads(line) for line in answer.text.splitlines()]
    found = {line["document_name"]: line for line in lines}
    assert len(found) == len(lines)
    return found


async def test_the_command_ends_with_1_because_some_documents_failed(submitted: Submitted) -> None:
    assert submitted.said.code == 1, submitted.said.err
    assert "COMPLETED_WITH_ERRORS" in submitted.said.out


async def test_the_csv_file_has_a_row_for_every_document(submitted: Submitted, pile: Pile) -> None:
    assert set(submitted.rows) == {path.name for path in pile.paths}
    failed = {name: row["error"] for name, row in submitted.rows.items() if row["status"] == "FAILED"}
    assert failed == pile.unreadable
    assert all(row["status"] == "SUCCEEDED" for name, row in submitted.rows.items() if name not in failed)


async def test_nine_in_ten_fields_are_as_the_truth_has_them(
    submitted: Submitted, pile: Pile, http: httpx2.AsyncClient
) -> None:
    lines = await results_of(http, submitted.batch_id)
    came = score(pile.truth, {name: outcome_of(line) for name, line in lines.items()})
    assert came.share >= ENOUGH, came.misses
    assert not [miss for miss in came.misses if miss.field == "error"]


def outcome_of(line: dict[str, Any]) -> dict[str, Any] | str:
    """The values, or the code of the error."""
    return line["error"]["code"] if line["error"] else line["result"]["values"]


async def test_the_batch_counts_exactly_what_a_recount_finds(
    submitted: Submitted, pile: Pile, client: QuireClient
) -> None:
    counters = (await client.get(submitted.batch_id)).counters
    failed = len(pile.unreadable)
    assert counted(counters) == await recount(client, submitted.batch_id)
    assert (counters.total, counters.failed) == (len(pile.paths), failed)
    assert counters.succeeded == counters.processed - failed == len(pile.paths) - failed
    assert counters.bytes == sum(path.stat().st_size for path in pile.paths)


async def test_errors_are_grouped_by_code_and_say_the_way_out(
    submitted: Submitted, pile: Pile, client: QuireClient
) -> None:
    groups = (await client.get(submitted.batch_id)).errors
    assert {group.code: group.count for group in groups} == dict.fromkeys(pile.unreadable.values(), 1)
    assert all(group.actor == "user" and group.remedy for group in groups)


async def test_every_grounded_value_quotes_its_page(submitted: Submitted, pile: Pile, http: httpx2.AsyncClient) -> None:
    lines = await results_of(http, submitted.batch_id)
    grounded = 0
    for path in pile.paths:
        result = lines[path.name]["result"]
        if result is None:
            continue
        pages = {page.number: plain(page.text) for page in parse(Source(path.name, path), ParseLimits()).pages}
        for field in result["fields"]:
            if field["grounded"]:
                assert plain(field["quote"]) in pages[field["page"]], (path.name, field)
                grounded += 1
    assert grounded > 90


def plain(text: str) -> str:
    """Without spaces, and without the lines between the cells of a table."""
    return "".join(text.replace("|", "").split()).casefold()


async def test_http_command_and_grpc_show_the_same_batch(
    quire: Quire, submitted: Submitted, http: httpx2.AsyncClient
) -> None:
    by_http = (await http.get(f"/v1/batches/{submitted.batch_id}")).json()
    by_command = json.loads((await quire.command("show", submitted.batch_id, "--json")).out)
    async with batch_stub(quire.env) as (stub, key):
        by_grpc = json_of((await stub.GetBatch(GetBatchRequest(batch_id=submitted.batch_id), metadata=key)).batch)
    same = ("id", "name", "status", "version", "sequence", "counters", "errors", "create_time", "complete_time", "tier")
    assert [by_command[name] for name in same] == [by_grpc[name] for name in same] == [by_http[name] for name in same]
    assert by_http["output_schema"] == json.loads(by_grpc["output_schema"]) == json.loads(by_command["output_schema"])


async def test_http_command_and_grpc_show_the_same_documents(
    quire: Quire, submitted: Submitted, http: httpx2.AsyncClient
) -> None:
    listed = await http.get(f"/v1/batches/{submitted.batch_id}/documents", params={"page_size": 1000})
    by_http = listed.json()["documents"]
    said = await quire.command("documents", submitted.batch_id, "--json")
    by_command = [json.loads(line) for line in said.out.splitlines()]
    async with batch_stub(quire.env) as (stub, key):
        page = await stub.ListDocuments(ListDocumentsRequest(batch_id=submitted.batch_id), metadata=key)
    by_grpc = [json_of(document) for document in page.documents]
    same = ("id", "position", "name", "sha256", "size_bytes", "media_type", "attempt", "status", "changed_version")
    seen = [[{name: one[name] for name in same} for one in view] for view in (by_http, by_command, by_grpc)]
    assert seen[0] == seen[1] == seen[2]


async def test_http_csv_and_grpc_show_the_same_results(
    quire: Quire, submitted: Submitted, http: httpx2.AsyncClient
) -> None:
    by_http = await results_of(http, submitted.batch_id)
    async with batch_stub(quire.env) as (stub, key):
        stream = stub.StreamResults(StreamResultsRequest(batch_id=submitted.batch_id), metadata=key)
        by_grpc = {answer.result.document_name: json.loads(answer.result.result_json) async for answer in stream}
    assert by_grpc == {name: line["result"] for name, line in by_http.items() if line["result"]}
    for name, result in by_grpc.items():
        assert {field: submitted.rows[name][field] for field in result["values"]} == {
            field: cell_text(value) for field, value in result["values"].items()
        }


async def test_the_demo_shows_fields_counters_errors_and_addresses(quire: Quire, pile: Pile) -> None:
    said = await quire.python("samples/demo.py")
    assert said.code == 0, said.out + said.err
    lines = said.out.splitlines()
    assert heading_of(lines) == ["document", "invoice number", "date", "supplier", "customer", "total", "currency"]
    assert any(line.startswith("invoice-moreau.pdf") and "2026-06-18" in line and "6,486.00" in line for line in lines)
    files, failed = len(pile.paths), len(pile.unreadable)
    assert f"{files} documents: {files - failed} succeeded, {failed} failed" in said.out
    assert all(code in said.out for code in pile.unreadable.values())
    addresses = ("QUIRE_ENDPOINT", "QUIRE_UPLOAD_ENDPOINT", "QUIRE_GATEWAY_URL")
    assert all(any(quire.env[name] in line for line in lines) for name in addresses)


def heading_of(lines: list[str]) -> list[str]:
    """The heading of the table of fields, cell by cell."""
    line = next(line for line in lines if line.startswith("document "))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]
