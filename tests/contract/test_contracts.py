"""The contracts: documented, generated code fresh, and one set of names in proto, domain, schema and catalogue."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor

from batch.domain import events
from batch.domain.events import Stage
from batch.domain.status import BatchStatus, DocumentStatus
from batch.domain.tiers import Tier
from batch.settings import DOORS
from chassis import topology
from chassis.failures import CATALOGUE, Category, FailureCode
from quire.admin.v1 import admin_service_pb2, tenant_pb2
from quire.batch.v1 import batch_pb2, batch_service_pb2, document_pb2, export_pb2, limits_pb2, webhook_pb2
from quire.events.v1 import batch_event_pb2, progress_pb2
from quire.intake.v1 import intake_service_pb2
from quire.jobs.v1 import jobs_pb2
from quire.upload.v1 import upload_service_pb2
from quire.work.v1 import work_service_pb2

REPOSITORY = Path(__file__).resolve().parents[2]
MIGRATION = REPOSITORY / "services/batch/migrations/versions/0001_first_schema.py"
FILES: list[FileDescriptor] = [
    module.DESCRIPTOR
    for module in (
        admin_service_pb2,
        batch_event_pb2,
        batch_pb2,
        batch_service_pb2,
        document_pb2,
        export_pb2,
        intake_service_pb2,
        jobs_pb2,
        limits_pb2,
        progress_pb2,
        tenant_pb2,
        upload_service_pb2,
        webhook_pb2,
        work_service_pb2,
    )
]


def run(*words: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100, check=False)


def beside_python(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def migration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("first_schema", MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(table: str, column: str) -> set[str]:
    """The values a CHECK of the schema allows in a column."""
    body = re.search(rf"CREATE TABLE {table} \((.*?)\n\);", migration().TABLES, flags=re.DOTALL)
    assert body is not None
    found = re.search(rf"^    {column} .*CHECK \({column} IN \((.*?)\)\)", body[1], flags=re.MULTILINE)
    assert found is not None
    return set(re.findall(r"'(\w*)'", found[1]))


def sent(enum: EnumDescriptor, prefix: str) -> set[str]:
    """The names of a proto enum without its prefix and without UNSPECIFIED."""
    return {value.name.removeprefix(f"{prefix}_") for value in enum.values} - {"UNSPECIFIED"}


def names(enum: type[StrEnum]) -> set[str]:
    return {member.value for member in enum}


def test_protos_pass_lint_with_every_comment_in_place() -> None:
    config = (REPOSITORY / "protos/buf.yaml").read_text()
    assert "STANDARD" in config
    assert "COMMENTS" in config
    linted = run(beside_python("buf"), "lint", folder=REPOSITORY / "protos")
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_protos_are_formatted() -> None:
    formatted = run(beside_python("buf"), "format", "--diff", "--exit-code", folder=REPOSITORY / "protos")
    assert formatted.returncode == 0, formatted.stdout


def test_generated_code_is_what_the_protos_say() -> None:
    fresh = run("sh", "protos/generate.sh", "--check")
    assert fresh.returncode == 0, fresh.stdout[-2000:] + fresh.stderr[-2000:]


def test_every_proto_is_looked_at_here() -> None:
    written = {str(path.relative_to(REPOSITORY / "protos")) for path in (REPOSITORY / "protos").rglob("*.proto")}
    assert {file.name for file in FILES} == written


@pytest.mark.parametrize(
    ("domain", "schema", "contract"),
    [
        (
            names(BatchStatus),
            checked("batch_processes", "status"),
            sent(batch_pb2.BatchStatus.DESCRIPTOR, "BATCH_STATUS"),
        ),
        (
            names(DocumentStatus),
            checked("documents", "status"),
            sent(document_pb2.DocumentStatus.DESCRIPTOR, "DOCUMENT_STATUS"),
        ),
        (names(Tier), checked("tenants", "tier"), sent(batch_pb2.Tier.DESCRIPTOR, "TIER")),
    ],
    ids=["batch", "document", "tier"],
)
def test_domain_schema_and_contract_know_the_same_names(domain: set[str], schema: set[str], contract: set[str]) -> None:
    assert domain == schema == contract


def test_stages_have_the_names_and_numbers_of_the_contract() -> None:
    contract = {value.name.removeprefix("STAGE_"): value.number for value in document_pb2.Stage.DESCRIPTOR.values}
    assert {stage.name: stage.value for stage in Stage} == {
        "NONE" if name == "UNSPECIFIED" else name: number for name, number in contract.items()
    }


def test_outcomes_of_the_timeline_are_those_the_contract_lists() -> None:
    told = (REPOSITORY / "protos/quire/batch/v1/document.proto").read_text()
    comment = re.search(r"// What it came to: (.*?) or empty", told)
    assert comment is not None
    assert checked("document_attempts", "outcome") - {""} == set(re.findall(r"`(\w+)`", comment[1]))


def test_statuses_say_who_moves_them_on() -> None:
    source = (REPOSITORY / "services/batch/domain/status.py").read_text()
    for member in (*BatchStatus, *DocumentStatus):
        assert re.search(rf'^    {member.name} = "{member.value}"  # \w+', source, flags=re.MULTILINE)


def rows_of_section_9() -> Iterator[tuple[str, str]]:
    page = (REPOSITORY / "docs/design.md").read_text()
    table = page.split("## 9.")[1].split("## 10.")[0]
    for category, codes in re.findall(r"^\| ([A-Z]+) \| (.+) \|$", table, flags=re.MULTILINE):
        yield from ((category, code) for code in re.findall(r"\b[A-Z]+_?[A-Z_]+\b", codes))


def test_the_catalogue_is_that_of_the_design() -> None:
    assert set(rows_of_section_9()) == {(CATALOGUE[code].category.value, code.value) for code in FailureCode}
    assert {explained.category for explained in CATALOGUE.values()} == set(Category)


def test_the_contract_lists_categories_and_actors_as_they_are() -> None:
    told = (REPOSITORY / "protos/quire/batch/v1/document.proto").read_text()
    *most, last = [category.value for category in Category]
    assert f"{', '.join(most)} or {last}." in told
    for explained in CATALOGUE.values():
        assert f"`{explained.actor.value}`" in told


def messages_of(file: FileDescriptor) -> Iterable[Descriptor]:
    return file.message_types_by_name.values()


def test_what_travels_by_the_broker_carries_ids_and_no_content() -> None:
    job = jobs_pb2.ExtractDocument.DESCRIPTOR
    assert {field.name for field in job.fields} == {"tenant_id", "batch_id", "document_id", "dispatch_id"}
    forbidden = {"extraction_prompt", "output_schema", "result_json", "text", "body"}
    for message in messages_of(progress_pb2.DESCRIPTOR):
        assert not forbidden & {field.name for field in message.fields}


def test_every_progress_event_names_its_attempt_first() -> None:
    told = [message for message in messages_of(progress_pb2.DESCRIPTOR) if message.name != "AttemptRef"]
    firsts = [message.fields_by_number[1].message_type for message in told]
    assert {first.name if first else None for first in firsts} == {"AttemptRef"}
    by_worker = {event.__name__ for event in get_args(events.Event)} - {"Lost", "TimedOut"}
    assert {message.name.removeprefix("Document") for message in told} == by_worker


def test_every_progress_event_reaches_the_fold() -> None:
    keys = {
        topology.DOCUMENT_PROGRESSED,
        topology.DOCUMENT_EXTRACTED,
        topology.DOCUMENT_FAILED,
        topology.DOCUMENT_RELEASED,
    }
    assert all(re.fullmatch(r"document\.\w+\.v1", key) for key in keys)
    assert topology.PROGRESS_FOLD.binding == "document.*.v1"


def test_every_create_takes_a_request_id_and_every_list_pages() -> None:
    for file in FILES:
        for message in messages_of(file):
            fields = {field.name for field in message.fields}
            if message.name.startswith("List") and message.name.endswith("Request"):
                assert {"page_size", "page_token"} <= fields, message.full_name
            if message.name.startswith("List") and message.name.endswith("Response"):
                assert "next_page_token" in fields, message.full_name
            if message.name.startswith("Create") and message.name.endswith("Request") and "batch" in file.package:
                assert "request_id" in fields, message.full_name


def test_no_call_of_a_tenant_can_name_a_tenant() -> None:
    for file in FILES:
        if file.package in ("quire.batch.v1", "quire.upload.v1", "quire.intake.v1"):
            asked = [message for message in messages_of(file) if message.name != "GetCallerResponse"]
            named = {field.full_name for message in asked for field in message.fields}
            assert {name for name in named if "tenant" in name.rsplit(".", 1)[-1]} == set()


def test_no_answer_of_the_api_carries_the_ids_of_all_documents() -> None:
    assert "document_ids" not in {field.name for field in batch_pb2.Batch.DESCRIPTOR.fields}


def test_the_columns_the_design_names_are_there() -> None:
    named = (
        "id user_id name description extraction_prompt total_documents processed_documents status document_ids error "
        "created_at updated_at completed_at"
    )
    body = re.search(r"CREATE TABLE batch_processes \((.*?)\n\);", migration().TABLES, flags=re.DOTALL)
    assert body is not None
    columns = set(re.findall(r"^    (\w+) ", body[1], flags=re.MULTILINE))
    assert set(named.split()) <= columns


def test_every_door_is_named_on_the_command_line() -> None:
    shown = run(sys.executable, "-m", "batch", "serve", "--help", folder=REPOSITORY / "services")
    assert all(door in shown.stdout for door in DOORS), shown.stderr
