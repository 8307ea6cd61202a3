import json

import pytest

from chassis.errors import CallError
from gateway.http.enums import numbers_of
from gateway.http.shapes import dump, shape
from quire.batch.v1.batch_pb2 import Batch, BatchStatus, HoldReason
from quire.batch.v1.batch_service_pb2 import StreamResultsResponse
from quire.batch.v1.document_pb2 import Document, DocumentResult, Stage


def test_shape_drops_enum_prefixes_and_shows_unspecified_as_null() -> None:
    batch = Batch(status=BatchStatus.BATCH_STATUS_COMPLETED_WITH_ERRORS)
    batch.hold_reasons.append(HoldReason.HOLD_REASON_TENANT_QUOTA)
    found = shape(batch)
    assert found["status"] == "COMPLETED_WITH_ERRORS"
    assert found["hold_reason"] is None
    assert found["hold_reasons"] == ["TENANT_QUOTA"]


def test_shape_shows_a_newer_enum_value_as_its_number() -> None:
    assert shape(Document(stage=Stage.STAGE_PARSE))["stage"] == "PARSE"
    assert shape(Document.FromString(b"\x48\x63"))["stage"] == "99"


def test_shape_shows_64_bit_integers_as_numbers() -> None:
    assert json.loads(dump(shape(Document(size_bytes=2**53 + 1))))["size_bytes"] == 2**53 + 1


def test_shape_shows_times_as_rfc_3339_and_durations_in_seconds() -> None:
    batch = Batch()
    batch.create_time.FromJsonString("2026-11-23T10:00:00.5Z")
    batch.eta.FromSeconds(90)
    found = shape(batch)
    assert (found["create_time"], found["eta"], found["seal_time"]) == ("2026-11-23T10:00:00.500Z", "90s", None)


def test_shape_names_every_field_of_the_proto() -> None:
    assert set(shape(Batch())) == {field.name for field in Batch.DESCRIPTOR.fields}
    assert set(shape(DocumentResult())) == {
        "document_id",
        "document_name",
        "position",
        "status",
        "result",
        "error",
    }


@pytest.mark.parametrize("text", [b'{"a":1}', b'{\n "a": 1\n}'])
def test_shape_embeds_a_result_on_one_line(text: bytes) -> None:
    line = dump(shape(StreamResultsResponse(result=DocumentResult(result_json=text))))
    assert b"\n" not in line
    assert json.loads(line)["result"]["result"] == {"a": 1}


def test_numbers_of_takes_any_case_and_names_what_is_allowed() -> None:
    assert numbers_of(BatchStatus.DESCRIPTOR, "status", ["queued"]) == [BatchStatus.BATCH_STATUS_QUEUED]
    assert numbers_of(BatchStatus.DESCRIPTOR, "status", None) == []
    with pytest.raises(CallError) as caught:
        numbers_of(BatchStatus.DESCRIPTOR, "status", ["UNSPECIFIED"])
    assert "QUEUED" in caught.value.violations["status"]
