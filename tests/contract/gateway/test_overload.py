"""More than the gateway can do: it is shed at the door, what was let in goes on, and health checks are let in."""

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import httpx2
import pytest
from conftest import Stage
from fake_batch import API_KEY
from raw_requests import exchanged, head, status_of
from test_rpc_upload import header, messages, upload
from test_uploads import eventually

from chassis.errors import CallReason, from_rpc_error
from gateway.settings import GatewaySettings
from tests.cost import spread, tell

AT_ONCE = 8
OTHER = {"Authorization": "Bearer of-somebody-else"}


@pytest.fixture
def settings(settings: GatewaySettings) -> GatewaySettings:  # pyright: ignore[reportGeneralTypeIssues]
    return settings.model_copy(update={"calls_at_once": AT_ONCE, "streams_at_once": 2, "uploads_at_once": 4})


async def timed(stage: Stage, path: str, headers: dict[str, str] | None = None) -> tuple[httpx2.Response, float]:
    began = time.monotonic()
    answer = await stage.http.get(path, headers=headers)
    return answer, time.monotonic() - began


async def alone(stage: Stage, path: str) -> tuple[int, float]:
    """The same on a connection of its own."""
    began = time.monotonic()
    answer = await exchanged(stage.settings, head("GET", path, "Connection: close"))
    return status_of(answer), time.monotonic() - began


async def test_ten_times_too_many_calls_are_shed_and_those_let_in_are_answered(stage: Stage) -> None:
    batch_id, told = await stage.batch_id(), asyncio.Event()
    stage.memory.faults["GetBatch"] = told
    flood = [asyncio.create_task(timed(stage, f"/v1/batches/{batch_id}")) for _ in range(10 * AT_ONCE)]
    await eventually(lambda: sum(one.done() for one in flood) == 10 * AT_ONCE - AT_ONCE // 2)
    shed = [one.result() for one in flood if one.done()]
    assert {(answer.status_code, answer.json()["reason"]) for answer, _ in shed} == {(429, "OVERLOADED")}
    assert {answer.headers["retry-after"] for answer, _ in shed} == {"1"}
    single = [await alone(stage, f"/v1/batches/{batch_id}") for _ in range(20)]
    assert {status for status, _ in single} == {429}
    tell(f"{len(shed)} shed at once: {spread(shed)}; one by one: {spread(single)}")
    assert (await stage.http.get("/healthz")).status_code == 200
    assert (await stage.http.get("/v1/limits", headers=OTHER)).status_code == 401  # let in, and judged
    told.set()
    answers = [await one for one in flood]
    assert [answer.status_code for answer, _ in answers].count(200) == AT_ONCE // 2
    assert len(stage.memory.called("GetBatch")) == AT_ONCE // 2


async def test_places_are_free_again_after_a_flood(stage: Stage) -> None:
    batch_id = await stage.batch_id()
    await asyncio.gather(*(timed(stage, f"/v1/batches/{batch_id}") for _ in range(10 * AT_ONCE)))
    for _ in range(2 * AT_ONCE):
        assert (await timed(stage, f"/v1/batches/{batch_id}"))[0].status_code == 200


async def test_too_many_uploads_are_shed_by_either_door_and_those_let_in_are_stored(stage: Stage) -> None:
    told, paths = asyncio.Event(), [await stage.document() for _ in range(4)]

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        await told.wait()
        yield b"last"

    running = [asyncio.create_task(stage.http.put(f"{path}/content", content=slow())) for path in paths[:2]]
    await eventually(lambda: stage.uploads.open == 2)
    refused = await stage.http.put(f"{paths[2]}/content", content=b"x")
    assert (refused.status_code, refused.json()["reason"]) == (429, "OVERLOADED")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await upload(stage, messages(header(paths[3])), API_KEY)
    error = from_rpc_error(caught.value)
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, CallReason.OVERLOADED)
    assert (await stage.http.get("/v1/limits")).status_code == 200
    told.set()
    assert [(await one).json()["status"] for one in running] == ["UPLOADED"] * 2
    assert (await stage.http.put(f"{paths[2]}/content", content=b"x")).status_code == 200
    assert (await upload(stage, messages(header(paths[3])), API_KEY)).document.id in paths[3]


async def test_too_many_watchers_are_shed_and_calls_are_not(stage: Stage) -> None:
    path = f"/v1/batches/{await stage.batch_id()}"
    async with stage.http.stream("GET", f"{path}/events") as watching:
        assert watching.status_code == 200
        assert (await stage.http.get(f"{path}/events")).json()["reason"] == "OVERLOADED"
        assert (await stage.http.get(path)).status_code == 200
