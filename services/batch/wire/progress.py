"""Progress events as workers send them, read into facts for the fold."""

from collections.abc import Callable
from uuid import UUID

from google.protobuf.message import DecodeError

from batch.domain.events import Event, Extracted, Failed, Progressed, Ref, Released, Spent, Stage
from chassis import topology
from chassis.failures import FailureCode
from quire.batch.v1 import document_pb2
from quire.events.v1 import progress_pb2


class Unreadable(Exception):
    """A message no consumer can read; it goes to the dead letters."""


def read(routing_key: str, body: bytes) -> Event:
    """Read a progress event.

    Raises:
        Unreadable: unknown kind, broken bytes, or a field that cannot be.
    """
    reader = _READERS.get(routing_key)
    if reader is None:
        raise Unreadable(f"unknown kind {routing_key!r}")
    try:
        return reader(body)
    except (DecodeError, ValueError) as error:
        raise Unreadable(f"{routing_key}: {error}") from error


def _ref(ref: progress_pb2.AttemptRef) -> Ref:
    if ref.attempt < 1:
        raise ValueError("attempts count from 1")
    return Ref(UUID(ref.document_id), ref.attempt, UUID(ref.lease_token), ref.retry_generation)


def _spent(usage: document_pb2.Usage) -> Spent:
    return Spent(max(usage.input_tokens, 0), max(usage.output_tokens, 0), max(usage.cost_micros, 0))


def _stage(number: int) -> Stage:
    return Stage(number) if number in Stage._value2member_map_ else Stage.NONE


def _progressed(body: bytes) -> Progressed:
    sent = progress_pb2.DocumentProgressed.FromString(body)
    return Progressed(_ref(sent.ref), _stage(sent.stage), sent.pages_done, sent.pages_total, sent.media_type)


def _extracted(body: bytes) -> Extracted:
    sent = progress_pb2.DocumentExtracted.FromString(body)
    if not sent.result_key:
        raise ValueError("a result needs a key")
    return Extracted(
        ref=_ref(sent.ref),
        result_key=sent.result_key,
        result_sha256=sent.result_sha256,
        result_size_bytes=sent.result_size_bytes,
        pages=sent.pages,
        media_type=sent.media_type,
        ungrounded_fields=sent.ungrounded_fields,
        spent=_spent(sent.usage),
    )


def _failed(body: bytes) -> Failed:
    sent = progress_pb2.DocumentFailed.FromString(body)
    return Failed(
        ref=_ref(sent.ref),
        code=FailureCode(sent.code),
        message=sent.message,
        phase=_stage(sent.phase),
        pages=sent.pages,
        media_type=sent.media_type,
        spent=_spent(sent.usage),
    )


def _released(body: bytes) -> Released:
    sent = progress_pb2.DocumentReleased.FromString(body)
    code = FailureCode(sent.code) if sent.code else None
    after = sent.retry_after.ToMilliseconds() / 1000
    return Released(_ref(sent.ref), code, sent.message, after, _spent(sent.usage))


_READERS: dict[str, Callable[[bytes], Event]] = {
    topology.DOCUMENT_PROGRESSED: _progressed,
    topology.DOCUMENT_EXTRACTED: _extracted,
    topology.DOCUMENT_FAILED: _failed,
    topology.DOCUMENT_RELEASED: _released,
}
