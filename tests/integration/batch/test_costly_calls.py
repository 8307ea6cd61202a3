"""Calls meant to exhaust: a replica of their own refuses each, keeps its memory and its time, and goes on serving."""

import asyncio
import json
from typing import Any

import grpc
import pytest

from quire.admin.v1.admin_service_pb2 import UpdateTenantRequest
from quire.batch.v1.batch_pb2 import BATCH_STATUS_CANCELLED
from quire.batch.v1.batch_service_pb2 import (
    CreateBatchRequest,
    ListBatchesRequest,
    ListDocumentsRequest,
    RetryDocumentsRequest,
)
from tests.cost import MEBIBYTE, bounded
from tests.integration.batch.http2_frames import (
    CANCEL,
    END_STREAM_AND_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    call_head,
    connected,
    frame,
)
from tests.integration.batch.processes import BatchProcess
from tests.integration.batch.raw_calls import CREATE, LIST, refused_bytes
from tests.integration.batch.tenants import Tenant, an_id, refused
from tests.integration.batch.world import World


@pytest.fixture
async def victim(world: World) -> BatchProcess:
    """A replica that does nothing but answer calls, so that what it spends is spent on them."""
    return await world.replica("rpc")


async def aimed(world: World, victim: BatchProcess) -> Tenant:
    """A tenant that calls the victim, which has answered it before."""
    tenant = (await world.tenant()).through(await world.door_to(victim.address))
    await tenant.create()
    return tenant


@pytest.mark.catalogue("G24")
async def test_a_compressed_bomb_is_not_unpacked(world: World, victim: BatchProcess) -> None:
    tenant = await aimed(world, victim)
    bomb = CreateBatchRequest(extraction_prompt="p" * (160 * MEBIBYTE)).SerializeToString()
    with bounded(victim.pid, "G24 compressed bomb"):
        error = await refused_bytes(tenant.door, CREATE, bomb, tenant.metadata, compression=grpc.Compression.Gzip)
    assert error.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED)
    assert (await tenant.create()).id


@pytest.mark.catalogue("G18")
async def test_large_messages_are_refused_and_cost_little(world: World, victim: BatchProcess) -> None:
    tenant = await aimed(world, victim)
    with bounded(victim.pid, "G18 message of 64 MiB", 3):
        for _ in range(3):
            error = await refused(tenant.create(extraction_prompt="p" * (64 * MEBIBYTE)))
            assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    with bounded(victim.pid, "G18 message of just 4 MiB", 3):
        for _ in range(3):
            error = await refused(tenant.create(extraction_prompt="p" * (4 * MEBIBYTE - 1000)))
            assert list(error.violations) == ["extraction_prompt"]
    assert (await tenant.create()).id


@pytest.mark.catalogue("G11", "G19")
async def test_piles_of_values_are_refused_and_cost_little(world: World, victim: BatchProcess) -> None:
    tenant = await aimed(world, victim)
    batch, lists = await tenant.create(), tenant.door.batch
    ids = [an_id()] * 100_000
    calls: dict[str, Any] = {
        "documents": lambda: tenant.announce(batch.id, 100_000),
        "document_ids": lambda: lists.RetryDocuments(
            RetryDocumentsRequest(batch_id=batch.id, document_ids=ids), metadata=tenant.metadata
        ),
        "statuses": lambda: lists.ListBatches(
            ListBatchesRequest(statuses=[BATCH_STATUS_CANCELLED] * 4_000_000), metadata=tenant.metadata
        ),
        "error_codes": lambda: lists.ListDocuments(
            ListDocumentsRequest(batch_id=batch.id, error_codes=["NO_TEXT"] * 400_000), metadata=tenant.metadata
        ),
        "name_contains": lambda: lists.ListBatches(
            ListBatchesRequest(name_contains="(" * 4_000_000), metadata=tenant.metadata
        ),
        "order_by": lambda: lists.ListBatches(ListBatchesRequest(order_by="x," * 1_000_000), metadata=tenant.metadata),
        "page_token": lambda: lists.ListBatches(
            ListBatchesRequest(page_token="W1tb" * 900_000), metadata=tenant.metadata
        ),
    }
    for named, call in calls.items():
        with bounded(victim.pid, f"G11, G19 {named}"):
            error = await refused(call())
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert next(iter(error.violations)).startswith(named)
    assert (await tenant.get(batch.id)).counters.total == 0


@pytest.mark.catalogue("G19")
async def test_a_map_of_many_keys_is_refused(world: World, victim: BatchProcess) -> None:
    tenant = await aimed(world, victim)
    overrides = {f"limit {number}": 1 for number in range(150_000)}
    asked = UpdateTenantRequest(tenant_id=tenant.id, limit_overrides=overrides, replace_overrides=True)
    with bounded(victim.pid, "G19 map"):
        error = await refused(tenant.door.admin.UpdateTenant(asked, metadata=tenant.door.operator))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.catalogue("G27")
async def test_schemas_meant_to_exhaust_cost_little_whether_taken_or_not(world: World, victim: BatchProcess) -> None:
    tenant = await aimed(world, victim)
    patterns = {f"p{number}": {"pattern": rf"(\w{{50}}){{8}}{number}"} for number in range(480)}
    twice = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}}
    refused_ones: dict[str, dict[str, Any]] = {
        "patterns": {"properties": patterns},
        "doubling": {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": twice},
        "explosion": {"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}},
        "properties": {"properties": {f"p{number}": {} for number in range(5_000)}},
    }
    taken = {"properties": {"a": {"pattern": "^(a+)+$"}, **dict(list(patterns.items())[:49])}}
    for what, schema in refused_ones.items():
        with bounded(victim.pid, f"G27 {what}", 3):
            errors = [await refused(tenant.create(output_schema=json.dumps(schema))) for _ in range(3)]
        assert [list(error.violations) for error in errors] == [["output_schema"]] * 3
    with bounded(victim.pid, "G27 as many patterns as may be", 3):
        for _ in range(3):
            await tenant.create(output_schema=json.dumps(taken))


@pytest.mark.catalogue("G30")
@pytest.mark.parametrize("attack", ["pings", "rapid reset", "open streams"])
async def test_a_flood_of_frames_ends_and_others_are_served(world: World, victim: BatchProcess, attack: str) -> None:
    tenant = await aimed(world, victim)
    with bounded(victim.pid, f"G30 {attack}"):
        flooding = asyncio.to_thread(_flood, victim.address, attack)
        answers = [asyncio.create_task(tenant.create()) for _ in range(5)]
        kinds = await flooding
        await asyncio.gather(*answers)
    # Too many pings end the connection; streams beyond what one connection may hold are refused one by one.
    assert (GOAWAY if attack == "pings" else RST_STREAM) in kinds
    assert (await tenant.create()).id
    assert victim.running


def _flood(address: str, attack: str) -> list[int]:
    """Attack until the server hangs up or the attack is over; answers what kinds of frames came back."""
    head = call_head(LIST.encode())
    with connected(address, 3) as connection:
        for number in range(10_000):
            stream = 2 * number + 1
            frames = {
                "pings": frame(PING, 0, 0, bytes(8)),
                "rapid reset": frame(HEADERS, END_STREAM_AND_HEADERS, stream, head)
                + frame(RST_STREAM, 0, stream, CANCEL),
                "open streams": frame(HEADERS, 0x4, stream, head),
            }[attack]
            if not connection.flood(frames, 1):
                break
        return connection.kinds()
