"""The object store's streams, on the real server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from object_store import ObjectStore
from pydantic import SecretStr
from test_uploads import eventually, in_chunks

from chassis.blobs import Blobs, BlobUnavailable
from chassis.pipe import PipeBroken
from gateway.settings import GatewaySettings


@pytest.fixture
async def blobs(settings: GatewaySettings) -> AsyncIterator[Blobs]:
    opened = Blobs(settings)
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [1, 65_537, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1])
@pytest.mark.parametrize("known", [True, False])
async def test_put_stream_writes_what_was_fed(blobs: Blobs, object_store: ObjectStore, size: int, known: bool) -> None:
    body, key = os.urandom(size), f"streams/{size}/{known}"
    stored = await blobs.put_stream(key, in_chunks(body, 99_991), size if known else -1)
    assert (stored.size_bytes, stored.sha256) == (size, hashlib.sha256(body).hexdigest())
    assert object_store.read(key) == body


@pytest.mark.parametrize("told", [99_999, 100_001])
async def test_put_stream_writes_nothing_when_the_length_is_wrong(
    blobs: Blobs, object_store: ObjectStore, told: int
) -> None:
    with pytest.raises(PipeBroken):
        await blobs.put_stream(f"streams/wrong/{told}", in_chunks(bytes(100_000)), told)
    assert f"streams/wrong/{told}" not in object_store.stored()


@pytest.mark.parametrize("size", [20_000_000, -1])
async def test_put_stream_raises_what_its_source_raises_and_writes_nothing(
    blobs: Blobs, object_store: ObjectStore, size: int
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in in_chunks(bytes(10_000_000)):
            yield chunk
        raise LookupError("the source is gone")

    with pytest.raises(LookupError):
        await blobs.put_stream(f"streams/broken/{size}", breaking(), size)
    assert f"streams/broken/{size}" not in object_store.stored()
    await eventually(lambda: object_store.pending_uploads() == 0)


@pytest.mark.parametrize("size", [10_000_000, -1])
async def test_put_stream_fails_at_once_when_the_store_is_down(settings: GatewaySettings, size: int) -> None:
    blobs = Blobs(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:1"}))
    async with asyncio.timeout(20):
        with pytest.raises(BlobUnavailable):
            await blobs.put_stream("streams/down", in_chunks(bytes(10_000_000)), size)
    blobs.close()


@pytest.mark.parametrize("size", [10_000_000, -1])
async def test_put_stream_fails_when_the_store_refuses_the_key(settings: GatewaySettings, size: int) -> None:
    blobs = Blobs(settings.model_copy(update={"s3_secret_key": SecretStr("wrong")}))
    with pytest.raises(BlobUnavailable, match="SignatureDoesNotMatch"):
        await blobs.put_stream("streams/refused", in_chunks(bytes(10_000_000)), size)
    blobs.close()
