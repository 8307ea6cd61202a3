"""A body is a job or it is not."""

import pytest

from extractor.work.job import Job, UnreadableJob, read_job
from quire.jobs.v1.jobs_pb2 import ExtractDocument


def test_job_is_read_when_all_ids_are_there() -> None:
    body = ExtractDocument(tenant_id="t", batch_id="b", document_id="d", dispatch_id="x").SerializeToString()
    assert read_job(body) == Job("t", "b", "d", "x")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff" * 40,
        b"\x00" * 1000,
        ExtractDocument(tenant_id="t", batch_id="b", document_id="d").SerializeToString(),
        ExtractDocument(tenant_id="t", batch_id="b", document_id="d" * 65, dispatch_id="x").SerializeToString(),
        ExtractDocument(tenant_id="t", batch_id="b", document_id="../d", dispatch_id="x").SerializeToString(),
        ExtractDocument(tenant_id="t\n", batch_id="b", document_id="d", dispatch_id="x").SerializeToString(),
    ],
)
def test_job_is_unreadable_when_an_id_is_missing_or_none(body: bytes) -> None:
    with pytest.raises(UnreadableJob):
        read_job(body)
