"""Events as subscribers get them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from batch.domain.status import FINAL_BATCH, BatchStatus
from batch.store.rows import BatchRow
from batch.wire.batches import HOLDS_BY_URGENCY, batch_message, snapshot_message
from batch.wire.events import PROGRESSED, cloud_event_headers, event_of, status_type, terminal_event_id
from quire.batch.v1 import batch_pb2
from quire.events.v1.batch_event_pb2 import BatchEvent

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BATCH = UUID(int=7)
COUNTS = "total_documents pending_upload uploaded queued processing retry_wait succeeded failed cancelled expired"
SUMS = "pages bytes input_tokens output_tokens cost_micros retry_generation"
MOMENTS = (
    "cancel_requested_at sealed_at started_at completed_at deadline_at draft_expired_at last_progress_at"
    " purge_at purged_at"
)


def a_row(**changes: Any) -> BatchRow:
    fields: dict[str, Any] = {**dict.fromkeys(f"{COUNTS} {SUMS}".split(), 0), **dict.fromkeys(MOMENTS.split())}
    row = BatchRow(
        id=BATCH,
        tenant_id=UUID(int=8),
        user_id="ann",
        name="pile",
        description="",
        extraction_prompt="canary prompt",
        output_schema="canary schema",
        options={"max_failures": 3, "deadline_seconds": 60},
        tier="PLUS",
        limits={},
        source_batch_id=None,
        status="PROCESSING",
        holds=[],
        version=5,
        sequence=4,
        terminal_event_id=None,
        created_at=NOW,
        updated_at=NOW,
        **fields,
    )
    return replace(row, **changes)


def test_an_event_carries_a_snapshot_without_prompt_and_schema() -> None:
    event = event_of(a_row(total_documents=2, queued=2), "batch.processing.v1")
    sent = BatchEvent.FromString(event.body)
    assert b"canary" not in event.body
    assert (sent.tenant_id, sent.batch.id) == (str(UUID(int=8)), str(BATCH))
    assert (sent.batch.version, sent.batch.sequence, sent.batch.counters.queued) == (5, 4, 2)
    assert event.routing_key == f"v1.{UUID(int=8)}.batch.processing"


def test_a_terminal_event_has_one_id_for_each_retry_generation() -> None:
    ids = {terminal_event_id(BATCH, generation) for generation in range(3)}
    assert len(ids) == 3
    final = a_row(status="COMPLETED", terminal_event_id=terminal_event_id(BATCH, 0))
    again = replace(final, sequence=99, version=99)
    assert event_of(final, status_type(final.current)).event_id == event_of(again, status_type(again.current)).event_id


def test_other_events_have_an_id_for_each_sequence() -> None:
    row = a_row()
    assert event_of(row, PROGRESSED).event_id == event_of(row, PROGRESSED).event_id
    assert event_of(row, PROGRESSED).event_id != event_of(replace(row, sequence=5), PROGRESSED).event_id


@pytest.mark.parametrize("status", BatchStatus)
def test_the_type_of_an_event_names_the_status(status: BatchStatus) -> None:
    assert status_type(status) == f"batch.{status.value.lower()}.v1"
    assert (status in FINAL_BATCH) == (status.value not in ("PENDING", "QUEUED", "PROCESSING", "CANCELLING"))


def test_headers_are_cloud_events() -> None:
    headers = cloud_event_headers(UUID(int=9), "batch.completed.v1", BATCH, NOW)
    assert headers == {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": str(UUID(int=9)),
        "cloudEvents:type": "batch.completed.v1",
        "cloudEvents:source": "/quire/batch",
        "cloudEvents:subject": str(BATCH),
        "cloudEvents:time": "2026-11-23T00:00:00+00:00",
    }


def test_the_most_actionable_hold_is_shown_first() -> None:
    message = snapshot_message(a_row(holds=["PAUSED_BY_USER", "PROVIDER_AUTH"]), ["TENANT_CONCURRENCY"])
    assert message.hold_reason == batch_pb2.HOLD_REASON_PROVIDER_AUTH
    assert list(message.hold_reasons) == [
        batch_pb2.HOLD_REASON_PROVIDER_AUTH,
        batch_pb2.HOLD_REASON_PAUSED_BY_USER,
        batch_pb2.HOLD_REASON_TENANT_CONCURRENCY,
    ]


def test_every_hold_of_the_contract_has_a_place() -> None:
    names = {name.removeprefix("HOLD_REASON_") for name in batch_pb2.HoldReason.keys()}  # noqa: SIM118
    assert names - {"UNSPECIFIED"} == set(HOLDS_BY_URGENCY)


def test_the_owner_sees_prompt_and_schema() -> None:
    message = batch_message(a_row())
    assert (message.extraction_prompt, message.output_schema) == ("canary prompt", "canary schema")
