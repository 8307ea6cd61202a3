import csv
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chassis.errors import invalid, tier_required
from chassis.failures import FailureCode
from quire.batch.v1 import batch_pb2, batch_service_pb2, document_pb2
from quire_client import QuireClient

if TYPE_CHECKING:
    from conftest import FakeQuire, Run, Start

PROMPT = ("--prompt", "Number and total")


async def batch_with(server: "FakeQuire", quire: QuireClient, *statuses: batch_pb2.BatchStatus.ValueType) -> str:
    batch = await quire.create_batch(prompt="Number and total", name="march")
    for version, status in enumerate(statuses, 1):
        counters = batch_pb2.Counters(total=10, processed=version, failed=version)
        errors = [batch_pb2.ErrorGroup(code="PDF_ENCRYPTED", count=1, actor="user", remedy="Remove the password.")]
        snapshot = batch_pb2.Batch(id=batch.id, version=version, status=status, counters=counters, errors=errors)
        server.snapshots[batch.id].append(batch_service_pb2.WatchBatchResponse(batch=snapshot))
    return batch.id


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def result(name: str, position: int, extracted: bytes) -> document_pb2.DocumentResult:
    status = document_pb2.DOCUMENT_STATUS_SUCCEEDED
    return document_pb2.DocumentResult(
        document_id=f"id-{position}", document_name=name, position=position, status=status, result_json=extracted
    )


async def test_help_teaches_examples_and_exit_codes_when_asked(run: "Run") -> None:
    whole = await run("--help")

    assert whole.code == 0
    assert "130  interrupted" in whole.out
    for name in (
        "submit",
        "list",
        "show",
        "watch",
        "documents",
        "results",
        "cancel",
        "retry",
        "limits",
        "errors",
        "pause",
        "resume",
        "delete",
    ):
        assert f"\n    {name}" in whole.out


async def test_submit_prints_the_batch_and_how_to_watch_it_when_not_waiting(run: "Run", pile: Path) -> None:
    ended = await run("submit", pile, *PROMPT)

    assert ended.code == 0, ended.err
    assert "with 3 documents" in ended.out
    assert "quire watch" in ended.out
    assert "uploaded 3 of 3 documents" in ended.err


async def test_submit_writes_one_json_document_when_asked(server: "FakeQuire", run: "Run", pile: Path) -> None:
    ended = await run("submit", pile, *PROMPT, "--json", "--name", "march", "--deadline", "2h", "--quiet")

    assert ended.json["status"] == "QUEUED"
    assert ended.json["counters"]["total"] == 3
    assert ended.err == ""
    (request,) = server.of_type(batch_service_pb2.CreateBatchRequest)
    assert request.name == "march"
    assert request.options.deadline.seconds == 7200


async def test_submit_leaves_out_what_is_refused_when_told_to(server: "FakeQuire", run: "Run", pile: Path) -> None:
    refusal = invalid({"documents[0].size_bytes": "the file holds no bytes"}, FailureCode.FILE_EMPTY)
    server.failing["AddDocumentsRequest"] = [refusal]
    server.failing["UploadHeader"] = [invalid({"chunk": "changed"}, FailureCode.CHECKSUM_MISMATCH)]

    ended = await run("submit", pile, *PROMPT, "--skip-refused")

    assert ended.code == 1
    assert "Left out a.txt: the file holds no bytes" in ended.err
    assert "uploaded 1 of 1 documents" in ended.err
    assert len(server.contents) == 1
    (request,) = server.of_type(batch_service_pb2.SealBatchRequest)
    assert request.drop_incomplete


async def test_submit_says_how_to_go_on_when_cut_off(server: "FakeQuire", run: "Run", pile: Path) -> None:
    await server.stop()

    ended = await run("submit", pile, *PROMPT, "--retry-for", "0.2")

    assert ended.code == 6
    assert "--request-id" in ended.err


@pytest.mark.parametrize(
    ("status", "code"), [(batch_pb2.BATCH_STATUS_COMPLETED, 0), (batch_pb2.BATCH_STATUS_COMPLETED_WITH_ERRORS, 1)]
)
async def test_watch_tells_the_end_by_its_exit_code_when_the_batch_is_final(
    server: "FakeQuire", quire: QuireClient, run: "Run", status: batch_pb2.BatchStatus.ValueType, code: int
) -> None:
    identifier = await batch_with(server, quire, batch_pb2.BATCH_STATUS_PROCESSING, status)

    ended = await run("watch", identifier)

    assert ended.code == code
    assert "PROCESSING 1/10, 1 failed" in ended.out
    assert "PDF_ENCRYPTED\t1\tuser\tRemove the password." in ended.out


async def test_watch_writes_json_lines_when_asked(server: "FakeQuire", quire: QuireClient, run: "Run") -> None:
    statuses = (batch_pb2.BATCH_STATUS_PROCESSING, batch_pb2.BATCH_STATUS_FAILED)
    await batch_with(server, quire, *statuses)

    ended = await run("watch", "last", "--json")

    assert [line["status"] for line in ended.json_lines] == ["PROCESSING", "FAILED"]
    assert ended.json_lines[0]["version"] == 1


async def test_watch_says_the_batch_goes_on_when_interrupted(
    server: "FakeQuire", quire: QuireClient, start: "Start"
) -> None:
    identifier = await batch_with(server, quire, *[batch_pb2.BATCH_STATUS_PROCESSING] * 10)
    process = await start("watch", identifier)
    assert process.stdout
    await process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()

    assert process.returncode == 130
    assert f"quire watch {identifier}" in err.decode()
    assert "Traceback" not in err.decode()


async def test_submit_waits_and_writes_every_document_when_given_an_out_file(
    server: "FakeQuire", run: "Run", pile: Path, tmp_path: Path, extracted: bytes
) -> None:
    error = document_pb2.Error(code="PDF_ENCRYPTED")
    failed = document_pb2.DOCUMENT_STATUS_FAILED
    server.results = [
        result("=evil.txt", 1, extracted),
        document_pb2.DocumentResult(document_name="c.pdf", position=2, status=failed, error=error),
    ]
    server.final_when_sealed = batch_pb2.BATCH_STATUS_COMPLETED_WITH_ERRORS
    out = tmp_path / "results.csv"

    ended = await run("submit", pile, *PROMPT, "--out", out)

    assert ended.code == 1, ended.err
    with out.open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["document", "status", "total", "note", "items", "ungrounded_fields", "error"],
            ["'=evil.txt", "SUCCEEDED", "12.5", "'=1+1", '[{"a": 1}]', "note", ""],
            ["c.pdf", "FAILED", "", "", "", "", "PDF_ENCRYPTED"],
        ]


async def test_results_are_json_lines_when_asked(
    server: "FakeQuire", quire: QuireClient, run: "Run", extracted: bytes
) -> None:
    await batch_with(server, quire)
    server.results = [result("a.txt", 1, extracted)]

    (line,) = (await run("results", "last", "--json")).json_lines

    assert line["document"] == "a.txt"
    assert line["values"]["total"] == 12.5
    assert line["fields"][0]["quote"] == "Total 12.50"
    assert line["ungrounded_fields"] == ["note"]


async def test_results_write_an_array_when_the_file_ends_in_json(
    server: "FakeQuire", quire: QuireClient, run: "Run", tmp_path: Path, extracted: bytes
) -> None:
    await batch_with(server, quire)
    server.results = [result("a.txt", 1, extracted), result("b.txt", 2, extracted)]

    ended = await run("results", "last", "--out", tmp_path / "results.json")

    assert ended.code == 0
    assert [one["document"] for one in json.loads((tmp_path / "results.json").read_text())] == ["a.txt", "b.txt"]
    assert names_in(tmp_path) == ["results.json"]


async def test_results_exit_with_usage_when_the_suffix_is_unknown(run: "Run", tmp_path: Path) -> None:
    ended = await run("results", "last", "--out", tmp_path / "results.doc")

    assert ended.code == 2
    assert "--format" in ended.err


async def test_list_writes_a_line_per_batch_when_piped(server: "FakeQuire", quire: QuireClient, run: "Run") -> None:
    identifier = await batch_with(server, quire)

    lines = (await run("list")).out.splitlines()

    assert lines[0].split("\t")[:3] == ["id", "name", "status"]
    assert lines[1].split("\t")[:3] == [identifier, "march", "PENDING"]


async def test_documents_write_json_lines_when_asked(run: "Run", pile: Path) -> None:
    await run("submit", pile, *PROMPT)

    lines = (await run("documents", "last", "--json")).json_lines

    assert [line["name"] for line in lines] == ["a.txt", "b.txt", "more/c.txt"]
    assert lines[0]["status"] == "UPLOADED"


async def test_errors_explain_the_codes_when_a_batch_has_some(
    server: "FakeQuire", quire: QuireClient, run: "Run"
) -> None:
    identifier = await batch_with(server, quire)
    group = batch_pb2.ErrorGroup(code="NO_TEXT", count=1, actor="user", remedy="Run OCR.")
    server.batches[identifier].errors.append(group)
    error = document_pb2.Error(code="NO_TEXT", message="no page holds text")
    server.documents[identifier].append(document_pb2.Document(name="scan.pdf", error=error))

    ended = await run("errors")

    assert "NO_TEXT\t1\tuser\tRun OCR." in ended.out
    assert "scan.pdf\tNO_TEXT\tno page holds text" in ended.out


async def test_retry_sends_codes_and_documents_when_given(server: "FakeQuire", quire: QuireClient, run: "Run") -> None:
    identifier = await batch_with(server, quire)

    ended = await run("retry", identifier, "--code", "NO_TEXT", "--document", "d1", "--json")

    assert ended.json["retried_count"] == 3
    (request,) = server.of_type(batch_service_pb2.RetryDocumentsRequest)
    assert (list(request.error_codes), list(request.document_ids)) == (["NO_TEXT"], ["d1"])


async def test_cancel_tells_the_status_when_done(server: "FakeQuire", quire: QuireClient, run: "Run") -> None:
    assert "is CANCELLED" in (await run("cancel", await batch_with(server, quire))).out


async def test_limits_show_what_is_allowed_and_used_when_asked(run: "Run") -> None:
    assert "open batches\t0\t2" in (await run("limits")).out
    assert (await run("limits", "--json")).json["limits"]["bytes_per_document"] == 20 << 20


async def test_usage_shows_month_by_month_when_asked(run: "Run") -> None:
    assert "2026-11\t70\t90\t0\t0\t1.25" in (await run("usage", "--months", "1")).out


async def test_exit_code_is_3_when_there_is_no_such_batch(run: "Run") -> None:
    ended = await run("show", "nowhere")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err.splitlines()[0] == "quire: there is no batch 'nowhere'"


async def test_exit_code_is_4_when_the_tier_is_refused(server: "FakeQuire", run: "Run", pile: Path) -> None:
    server.failing["CreateBatchRequest"] = [tier_required("FREE has no batches", "PLUS")]

    ended = await run("submit", pile, *PROMPT)

    assert ended.code == 4
    assert ended.err.splitlines() == ["quire: FREE has no batches", "  Move to PLUS or higher."]


async def test_exit_code_is_5_when_the_key_is_wrong(run: "Run") -> None:
    assert (await run("limits", QUIRE_API_KEY="wrong")).code == 5


async def test_exit_code_is_6_when_nobody_answers(run: "Run") -> None:
    assert (await run("limits", "--endpoint", "127.0.0.1:1", "--retry-for", "0.2")).code == 6


@pytest.mark.parametrize(
    "arguments", [(), ("submit",), ("submit", "/nowhere", *PROMPT), ("list", "--status", "DONE"), ("show",)]
)
async def test_exit_code_is_2_when_used_wrongly(run: "Run", arguments: tuple[str, ...]) -> None:
    ended = await run(*arguments)

    assert ended.code == 2
    assert "Traceback" not in ended.err


async def test_exit_code_is_2_when_a_setting_is_missing(run: "Run") -> None:
    ended = await run("list", QUIRE_ENDPOINT="", QUIRE_API_KEY="")

    assert ended.code == 2
    assert "not set: QUIRE_ENDPOINT, QUIRE_API_KEY" in ended.err
