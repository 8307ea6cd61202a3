import pytest

from chassis.blobs import BlobFault, BlobFull, BlobMissing, BlobUnavailable
from gateway.http.wall import problem_of


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (BlobFull("XMinioStorageFull"), 507, "STORAGE_FULL"),
        (BlobUnavailable("10.0.0.7 refused"), 503, "STORAGE_UNAVAILABLE"),
        (BlobMissing("NoSuchBucket: quire"), 503, "STORAGE_UNAVAILABLE"),
    ],
)
def test_a_fault_of_the_store_says_when_to_try_again_and_leaks_nothing(
    fault: BlobFault, status: int, reason: str
) -> None:
    problem = problem_of(fault)
    assert (problem.status, problem.body["reason"]) == (status, reason)
    assert int(problem.headers["Retry-After"]) > 0
    assert str(fault) not in str(problem.body)


def test_what_nobody_foresaw_is_an_incident_that_leaks_nothing() -> None:
    problem = problem_of(RuntimeError("password is hunter2"))
    assert problem.status == 500
    assert problem.body["metadata"]["incident"]
    assert "hunter2" not in str(problem.body)
