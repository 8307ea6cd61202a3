from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from chassis.errors import CallError as ServerError
from chassis.errors import CallReason, QuotaViolation, invalid
from chassis.failures import FailureCode
from quire.batch.v1 import batch_pb2, batch_service_pb2
from quire_client import (
    ConfigurationError,
    Content,
    DocumentRefusedError,
    NothingToSubmitError,
    Progress,
    QuireClient,
)

if TYPE_CHECKING:
    from conftest import FakeQuire

PROMPT = "Number and total"


def down() -> ServerError:
    return ServerError(grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE, "PostgreSQL does not answer")


async def test_submit_uploads_every_visible_file_in_order_when_given_a_folder(
    server: "FakeQuire", quire: QuireClient, pile: Path
) -> None:
    batch = await quire.submit(pile, prompt=PROMPT, name="march")

    assert batch.status == batch_pb2.BATCH_STATUS_QUEUED
    assert [document.name for document in server.documents[batch.id]] == ["a.txt", "b.txt", "more/c.txt"]
    assert sorted(server.contents.values()) == [b"content of a.txt", b"content of b.txt", b"content of more/c.txt"]


async def test_submit_sends_large_content_in_chunks_when_it_does_not_fit_one(
    server: "FakeQuire", quire: QuireClient
) -> None:
    data = bytes(range(256)) * 4096

    await quire.submit(Content("large.bin", data), prompt=PROMPT)

    assert list(server.contents.values()) == [data]


async def test_submit_announces_at_most_1000_documents_a_call_when_there_are_more(
    server: "FakeQuire", quire: QuireClient
) -> None:
    batch = await quire.submit([Content(f"{n}.txt", b"x") for n in range(1_005)], prompt=PROMPT)

    announced = server.of_type(batch_service_pb2.AddDocumentsRequest)
    assert [len(request.documents) for request in announced] == [1000, 5]
    assert len({request.request_id for request in announced}) == 2
    assert [document.name for document in server.documents[batch.id]][999:1001] == ["999.txt", "1000.txt"]
    assert len(server.contents) == 1_005


async def test_submit_makes_one_batch_when_every_answer_is_lost_once(
    server: "FakeQuire", quire: QuireClient, pile: Path
) -> None:
    server.losing_answers = {"CreateBatchRequest", "AddDocumentsRequest", "SealBatchRequest"}

    batch = await quire.submit(pile, prompt=PROMPT)

    for kind in (
        batch_service_pb2.CreateBatchRequest,
        batch_service_pb2.AddDocumentsRequest,
        batch_service_pb2.SealBatchRequest,
    ):
        first, second = server.of_type(kind)
        assert first == second
        assert first.request_id
    assert list(server.batches) == [batch.id]
    assert len(server.documents[batch.id]) == 3


async def test_submit_uploads_again_when_a_stream_breaks(server: "FakeQuire", quire: QuireClient, pile: Path) -> None:
    server.failing["UploadHeader"] = [down(), down()]

    await quire.submit(pile, prompt=PROMPT)

    assert len(server.contents) == 3


async def test_submit_goes_on_where_it_stopped_when_given_the_same_request_id(
    server: "FakeQuire", quire: QuireClient, pile: Path
) -> None:
    request_id = str(uuid4())
    server.failing["SealBatchRequest"] = [ServerError(grpc.StatusCode.INTERNAL, CallReason.INTERNAL, "a fault")]
    with pytest.raises(Exception, match="a fault"):
        await quire.submit(pile, prompt=PROMPT, request_id=request_id)
    server.contents.clear()

    batch = await quire.submit(pile, prompt=PROMPT, request_id=request_id)

    assert list(server.batches) == [batch.id]
    assert len(server.documents[batch.id]) == 3
    assert not server.contents  # nothing was sent twice


async def test_submit_tells_progress_when_asked(quire: QuireClient, pile: Path) -> None:
    seen: list[Progress] = []

    await quire.submit(pile, prompt=PROMPT, on_progress=seen.append)

    size = sum(len(f"content of {name}") for name in ("a.txt", "b.txt", "more/c.txt"))
    assert seen[0] == Progress(files=3, bytes=size)
    assert seen[-1] == Progress(files=3, bytes=size, announced=3, uploaded=3, bytes_sent=size)


async def test_submit_names_the_file_and_cancels_the_draft_when_an_announcement_is_refused(
    server: "FakeQuire", quire: QuireClient, pile: Path
) -> None:
    fault = {"documents[1].size_bytes": "larger than 20 MiB"}
    server.failing["AddDocumentsRequest"] = [invalid(fault, FailureCode.FILE_TOO_LARGE)]

    with pytest.raises(DocumentRefusedError, match=r"b\.txt: larger than 20 MiB") as refusal:
        await quire.submit(pile, prompt=PROMPT)

    assert refusal.value.name == "b.txt"
    assert refusal.value.cause.reason == "FILE_TOO_LARGE"
    assert [batch.status for batch in server.batches.values()] == [batch_pb2.BATCH_STATUS_CANCELLED]


async def test_submit_names_the_file_when_only_the_limit_is_told(server: "FakeQuire", quire: QuireClient) -> None:
    error = invalid({"size_bytes": "too large"}, FailureCode.FILE_TOO_LARGE)
    error.quota = QuotaViolation("bytes_per_document", 3, 4)
    server.failing["AddDocumentsRequest"] = [error]

    with pytest.raises(DocumentRefusedError, match="Make the file smaller") as refusal:
        await quire.submit([Content("a.txt", b"abc"), Content("b.txt", b"abcd")], prompt=PROMPT)

    assert refusal.value.name == "b.txt"


async def test_submit_names_the_file_when_its_upload_is_refused(
    server: "FakeQuire", quire: QuireClient, tmp_path: Path
) -> None:
    large = tmp_path / "large.pdf"
    large.write_bytes(b"x" * 4_000_000)
    server.failing["UploadHeader"] = [invalid({"chunk": "too many bytes"}, FailureCode.FILE_TOO_LARGE)]

    with pytest.raises(DocumentRefusedError, match=r"large\.pdf"):
        await quire.submit(large, prompt=PROMPT)


async def test_submit_creates_nothing_when_there_is_no_file(
    server: "FakeQuire", quire: QuireClient, tmp_path: Path
) -> None:
    with pytest.raises(NothingToSubmitError):
        await quire.submit(tmp_path, prompt=PROMPT)

    assert not server.asked


async def test_submit_says_what_to_set_when_there_is_no_upload_endpoint(server: "FakeQuire", pile: Path) -> None:
    async with QuireClient(server.address, "key") as quire:
        with pytest.raises(ConfigurationError, match="QUIRE_UPLOAD_ENDPOINT"):
            await quire.submit(pile, prompt=PROMPT)

    assert not server.asked
