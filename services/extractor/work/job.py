"""The job as it comes from the broker."""

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from quire.jobs.v1.jobs_pb2 import ExtractDocument

LONGEST_ID = 64


class UnreadableJob(ValueError):
    """The body is no job; it never will be one."""


@dataclass(frozen=True, slots=True)
class Job:
    """The command to extract one document."""

    tenant_id: str
    batch_id: str
    document_id: str
    dispatch_id: str


def read_job(body: bytes) -> Job:
    """Read a body; raises UnreadableJob.

    Bytes of something else often parse as an empty message, so every id must be there and look like one.
    """
    try:
        message = ExtractDocument.FromString(body)
    except DecodeError as error:
        raise UnreadableJob("the body is not an ExtractDocument message") from error
    ids = (message.tenant_id, message.batch_id, message.document_id, message.dispatch_id)
    if not all(_is_id(each) for each in ids):
        raise UnreadableJob("an id is missing or is none")
    return Job(*ids)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and all(sign.isalnum() or sign in "-_." for sign in text)
