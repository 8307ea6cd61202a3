"""What a caller is told while something Quire stands on is away."""

import asyncio

import grpc
import httpx2
from google.rpc import error_details_pb2

from tests.e2e.grpc_stubs import detail_of

PROMPT = "invoice number, total"
NOTE = b"Invoice number: INV-0001\nTotal: 1.50 EUR\n"
PATIENCE_SECONDS = 30.0


def assert_try_again(answer: httpx2.Response, reason: str = "SERVICE_UNAVAILABLE") -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["reason"] == reason


def assert_call_again(error: grpc.aio.AioRpcError, reason: str = "SERVICE_UNAVAILABLE") -> None:
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert detail_of(error, error_details_pb2.ErrorInfo).reason == reason
    assert detail_of(error, error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() > 0


async def submitted(http: httpx2.AsyncClient) -> str:
    """A sealed batch of one document."""
    sent = await http.post("/v1/batches:extract", data={"prompt": PROMPT}, files=[("file", ("note.txt", NOTE))])
    assert sent.status_code == 201, sent.text
    return sent.json()["id"]


async def until_ready(http: httpx2.AsyncClient) -> None:
    """Ask the gateway, which itself waits a little, until it reaches all that it needs."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await http.get("/readyz")).status_code != 200:
            pass
