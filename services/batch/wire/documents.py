"""Documents, their attempts and their errors as they are sent."""

from typing import Any

from batch.store.rows import DocumentRow
from batch.wire.moments import timestamp
from chassis.failures import CATALOGUE, FailureCode
from quire.batch.v1 import document_pb2


def document_message(row: DocumentRow) -> document_pb2.Document:
    """A document as its owner sees it."""
    return document_pb2.Document(
        id=str(row.id),
        batch_id=str(row.batch_id),
        position=row.position,
        name=row.name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        media_type=row.media_type,
        status=document_pb2.DocumentStatus.Value(f"DOCUMENT_STATUS_{row.status}"),
        stage=stage_number(row.stage),
        pages_done=row.pages_done,
        pages_total=row.pages_total,
        attempt=row.attempt,
        error=error_message(row),
        duplicate_of=str(row.duplicate_of or ""),
        usage=document_pb2.Usage(
            input_tokens=row.input_tokens, output_tokens=row.output_tokens, cost_micros=row.cost_micros
        ),
        ungrounded_fields=row.ungrounded_fields,
        cancel_requested=row.cancel_requested,
        changed_version=row.changed_version,
        create_time=timestamp(row.created_at),
        upload_time=timestamp(row.uploaded_at),
        start_time=timestamp(row.started_at),
        complete_time=timestamp(row.finished_at),
        next_attempt_time=timestamp(row.next_attempt_at),
    )


def stage_number(name: str | None) -> document_pb2.Stage.ValueType:
    """A stage by its name; unspecified for none."""
    return document_pb2.Stage.Value(f"STAGE_{name}") if name and name != "NONE" else document_pb2.STAGE_UNSPECIFIED


def error_message(row: DocumentRow) -> document_pb2.Error | None:
    """Why a document failed, or why its last attempt did."""
    if row.error_code is None:
        return None
    return _error(row.error_code, row.error_message, row.error_phase, row.attempt)


def _error(code: str, message: str | None, phase: str | None, attempt: int) -> document_pb2.Error:
    explanation = CATALOGUE[FailureCode(code)]
    return document_pb2.Error(
        code=code,
        category=explanation.category,
        phase=stage_number(phase),
        retryable=explanation.retryable,
        attempt=attempt,
        actor=explanation.actor,
        message=message or "",
        remedy=explanation.remedy,
    )


def attempt_message(attempt: dict[str, Any]) -> document_pb2.DocumentAttempt:
    """A line of a document's timeline."""
    code = attempt["error_code"]
    return document_pb2.DocumentAttempt(
        attempt=attempt["attempt"],
        worker=attempt["worker"],
        claim_time=timestamp(attempt["claimed_at"]),
        end_time=timestamp(attempt["ended_at"]),
        outcome=attempt["outcome"],
        error=_error(code, attempt["error_message"], attempt["error_phase"], attempt["attempt"]) if code else None,
        usage=document_pb2.Usage(
            input_tokens=attempt["input_tokens"],
            output_tokens=attempt["output_tokens"],
            cost_micros=attempt["cost_micros"],
        ),
    )
