"""Streaming results: what is ready, in the order announced, while the batch runs."""

import asyncio
import time

import grpc
import pytest

from chassis.blobs import Blobs
from chassis.errors import CallReason
from chassis.settings import StoreSettings
from quire.batch.v1.document_pb2 import (
    DOCUMENT_STATUS_CANCELLED,
    DOCUMENT_STATUS_FAILED,
    DOCUMENT_STATUS_SUCCEEDED,
)
from tests.integration.batch.processes import Servers, free_address
from tests.integration.batch.tenants import refused
from tests.integration.batch.workers import Attempt
from tests.integration.batch.world import World


def store_of(servers: Servers) -> Blobs:
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in servers.items()}
    return Blobs(StoreSettings.model_validate(fields))


def result_of(position: int) -> bytes:
    return b'{"total": %d}' % position


@pytest.mark.catalogue("H24")
async def test_results_come_in_order_with_errors_if_asked_for_while_the_batch_runs(world: World) -> None:
    tenant = await world.tenant()
    batch = await tenant.sealed(100)
    blobs = store_of(world.servers)

    async def store(attempt: Attempt) -> None:
        position = attempt.claim.position
        if position == 100:
            await attempt.stop_asked(60)
            await attempt.fail("CANCELLED")
        elif position % 10 == 0:
            await attempt.fail("PDF_ENCRYPTED")
        else:
            await blobs.put(attempt.claim.result_key, result_of(position))
            await attempt.extract()

    await world.worker(store, slots=16)
    await world.until("SELECT succeeded = 90 AND failed = 9 FROM batch_processes WHERE id = $1", batch.id)
    results = await tenant.results(batch.id)
    assert [one.position for one in results] == [number for number in range(1, 100) if number % 10]
    assert all(one.result_json == result_of(one.position) for one in results)
    assert {one.status for one in results} == {DOCUMENT_STATUS_SUCCEEDED}
    assert results[0].document_name == "1.txt"
    both = await tenant.results(batch.id, include_errors=True)
    assert [one.position for one in both] == list(range(1, 100))
    failed = [one for one in both if one.status == DOCUMENT_STATUS_FAILED]
    assert {(one.error.code, one.result_json) for one in failed} == {("PDF_ENCRYPTED", b"")}
    rest = await tenant.results(batch.id, after_position=95)
    assert [one.position for one in rest] == [96, 97, 98, 99]
    await tenant.cancel(batch.id)
    await tenant.until_final(batch.id)
    assert (await tenant.results(batch.id, include_errors=True))[-1].status == DOCUMENT_STATUS_CANCELLED
    blobs.close()


async def test_a_batch_without_results_streams_nothing(world: World) -> None:
    tenant = await world.tenant()
    assert await tenant.results((await tenant.draft(2)).id, include_errors=True) == []


async def test_a_store_that_is_down_is_unavailable_with_a_hint_and_other_calls_go_on(world: World) -> None:
    replica = await world.replica("rpc", QUIRE_S3_ENDPOINT=f"http://{free_address()}")
    tenant = await world.tenant()
    batch = await tenant.sealed(1)
    await world.worker()
    await tenant.until_final(batch.id)
    beside = tenant.through(await world.door_to(replica.address))
    began = time.monotonic()
    async with asyncio.timeout(20):
        error = await refused(beside.results(batch.id))
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, CallReason.SERVICE_UNAVAILABLE)
    assert error.retry_after is not None
    assert time.monotonic() - began < 15
    assert (await beside.get(batch.id)).id == batch.id
