"""Calls whose messages are bytes, whatever they are."""

from typing import Any, cast

import grpc
import pytest

from chassis.errors import CallError, from_rpc_error
from tests.integration.batch.tenants import Door

CREATE = "/quire.batch.v1.BatchService/CreateBatch"
LIST = "/quire.batch.v1.BatchService/ListBatches"


async def sent(door: Door, method: str, content: bytes, metadata: Any, **more: Any) -> bytes:
    """Send bytes as a message, whatever they are."""
    return await cast("Any", door.channel).unary_unary(method)(content, metadata=metadata, timeout=20, **more)


async def refused_bytes(door: Door, method: str, content: bytes, metadata: Any, **more: Any) -> CallError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(door, method, content, metadata, **more)
    assert caught.value.code() is not grpc.StatusCode.UNKNOWN
    return from_rpc_error(caught.value)
