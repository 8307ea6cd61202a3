import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from chassis.errors import STATUS_DETAILS_KEY, not_found, to_status
from gateway.backend import call_error
from gateway.http.problems import problem_of_call


def rpc_error(code: grpc.StatusCode, details: str, trailing: Metadata | None = None) -> AioRpcError:
    return AioRpcError(code, Metadata(), trailing or Metadata(), details=details)


def test_call_error_reads_a_rich_status() -> None:
    status = to_status(not_found("batch", "b1"))
    error = rpc_error(grpc.StatusCode.NOT_FOUND, "", Metadata((STATUS_DETAILS_KEY, status.SerializeToString())))
    assert call_error(error).reason == "NOT_FOUND"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.UNAVAILABLE, 503),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
        (grpc.StatusCode.UNIMPLEMENTED, 501),
        (grpc.StatusCode.UNKNOWN, 500),
        (grpc.StatusCode.INTERNAL, 500),
    ],
)
def test_call_error_leaks_nothing_of_a_plain_status(code: grpc.StatusCode, status: int) -> None:
    problem = problem_of_call(call_error(rpc_error(code, "ipv4:10.0.0.7:9000: connection refused")))
    assert problem.status == status
    assert "10.0.0.7" not in str(problem.body)
