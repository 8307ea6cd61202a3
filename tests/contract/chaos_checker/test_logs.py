"""Logs hold no secret, no word of a document and no unexplained death, or the checker says so."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.checker import logs
from tests.chaos.checker.ground import secrets_of
from tests.chaos.records import canary_of, moment
from tests.contract.chaos_checker.finished_run import FIRST, TENANT, Run, finished_run

SECRETS = {"hush-hush"}


@pytest.fixture
def run() -> Run:
    return finished_run()


def line(event: str, **fields: str) -> str:
    stamp = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "timestamp": stamp, **fields}, separators=(",", ":"))


def told(run: Run, *lines: str) -> list[tuple[str, str]]:
    found = logs.violations({"batch.log": "\n".join(lines)}, run.records, SECRETS)
    assert {one.subject for one in found} <= {"batch.log"}
    return [(one.invariant, one.kind) for one in found]


def test_logs_of_ids_are_not_told_of(run: Run) -> None:
    assert told(run, line("document_extracted", document_id=FIRST), "no JSON") == []


@pytest.mark.parametrize("word", ["hush-hush", canary_of(TENANT), f"mark-{FIRST}"])
def test_a_word_that_must_not_be_logged_is_told_of(run: Run, word: str) -> None:
    assert told(run, line("x", message=f"about {word}!")) == [("I28", "other")]


@pytest.mark.parametrize("words", logs.NEVER)
def test_a_coroutine_nobody_looked_after_is_told_of(run: Run, words: str) -> None:
    run.fault("broker_killed", moment() - 5, moment() + 5)
    assert told(run, f"RuntimeWarning: coroutine 'x' {words}") == [("I29", "other")]


@pytest.mark.parametrize("event", logs.FAULTS_OF_OURS)
def test_a_fault_of_ours_without_a_fault_is_told_of(run: Run, event: str) -> None:
    run.fault("broker_killed", moment() - 3600, moment() - 1800)
    assert told(run, line(event)) == [("I29", "other")]


@pytest.mark.parametrize("event", logs.FAULTS_OF_OURS)
def test_a_fault_of_ours_during_a_fault_is_explained(run: Run, event: str) -> None:
    run.fault("broker_killed", moment() - 5, moment() - 1)
    assert told(run, line(event)) == []


def test_only_logs_of_services_are_read_and_those_of_earlier_runs_too(tmp_path: Path) -> None:
    for name in ("batch.log", "batch.log.1", "extractor-2.log", "postgres.log", "rabbitmq.log", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert sorted(logs.read_logs(tmp_path)) == ["batch.log", "batch.log.1", "extractor-2.log"]


def test_secrets_are_tokens_and_keys_and_passwords_in_urls() -> None:
    environ = {
        "QUIRE_AMQP_URL": "amqp://quire:p%40ss@127.0.0.1:1/",
        "QUIRE_WORKER_TOKEN": "t0",
        "QUIRE_S3_SECRET_KEY": "s0",
        "QUIRE_S3_BUCKET": "quire",
        "QUIRE_ENDPOINT": "127.0.0.1:2",
    }
    assert secrets_of(environ) == {"p@ss", "t0", "s0"}
