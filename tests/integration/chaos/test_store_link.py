"""A link before a real S3 server, used as the services use the store."""

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from chassis.blobs import BlobFull, Blobs, BlobUnavailable
from chassis.settings import StoreSettings
from tests.chaos.links import Links
from tests.chaos.store_link import StoreLink
from tests.contract.gateway.object_store import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, running_object_store

pytestmark = pytest.mark.slow
BODY = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def store_port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    with running_object_store(tmp_path_factory.mktemp("store")) as store:
        port = urlsplit(store.endpoint).port
        assert port is not None
        yield port


@pytest.fixture
def link(store_port: int) -> Generator[StoreLink]:
    with Links() as links:
        yield links.add("store", store_port, StoreLink)


@pytest.fixture
async def blobs(link: StoreLink) -> AsyncGenerator[Blobs]:
    blobs = Blobs(
        StoreSettings(
            s3_endpoint=f"http://127.0.0.1:{link.port}",
            s3_access_key=SecretStr(ACCESS_KEY),
            s3_secret_key=SecretStr(SECRET_KEY),
            s3_bucket=BUCKET,
            s3_region=REGION,
        )
    )
    async with asyncio.timeout(60):
        yield blobs
    blobs.close()


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


async def test_every_way_of_reading_and_writing_passes_untouched(blobs: Blobs, link: StoreLink, tmp_path: Path) -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    await blobs.put("t/whole", BODY)
    assert (await blobs.put_stream("t/streamed", in_pieces(BODY), len(BODY))).sha256 == digest
    long = BODY * 4
    await blobs.put_stream("t/parts", in_pieces(long))
    for _ in range(3):
        assert await blobs.get("t/whole") == BODY
        assert (await blobs.get_to_file("t/streamed", tmp_path / "copy")).sha256 == digest
    assert await blobs.get("t/parts") == long
    await blobs.check()
    await blobs.remove("t/whole")
    assert 0 < link.connections < 10


async def test_a_refusal_is_what_the_caller_gets_and_the_connection_goes_on(blobs: Blobs, link: StoreLink) -> None:
    await blobs.put("t/there", b"there")
    link.refuse(507, "StorageFull", 1.0, random.Random(1), methods={"PUT"})
    for body in (b"small", BODY):
        with pytest.raises(BlobFull):
            await blobs.put_stream("t/full", in_pieces(body), len(body))
    assert await blobs.get("t/there") == b"there"
    link.refuse(503, "SlowDown", 1.0, random.Random(1))
    with pytest.raises(BlobUnavailable):
        await blobs.get("t/there")
    with pytest.raises(BlobUnavailable):
        await blobs.check()
    link.open()
    await blobs.put_stream("t/full", in_pieces(BODY), len(BODY))
    assert link.connections <= 3


async def test_a_share_of_refusals_leaves_the_others_alone(blobs: Blobs, link: StoreLink) -> None:
    link.refuse(503, "SlowDown", 0.5, random.Random(3), methods={"PUT"})
    refused = 0
    for number in range(20):
        try:
            await blobs.put_stream(f"t/{number}", in_pieces(b"small"), 5)
        except BlobUnavailable:
            refused += 1
    assert 0 < refused < 20


@pytest.mark.parametrize("body", [b"x", b"a small one", BODY], ids=["one byte", "small", "large"])
async def test_a_flipped_byte_keeps_the_length_and_a_cut_body_never_ends(
    blobs: Blobs, link: StoreLink, tmp_path: Path, body: bytes
) -> None:
    await blobs.put("t/u/read", body)
    link.flip(1.0, random.Random(4))
    read = await blobs.get("t/u/read")
    assert len(read) == len(body)
    assert sum(one != two for one, two in zip(read, body, strict=True)) == 1
    link.honest()
    link.truncate(1.0, random.Random(4))
    with pytest.raises(BlobUnavailable):
        await blobs.get_to_file("t/u/read", tmp_path / "copy")
    link.honest()
    assert await blobs.get("t/u/read") == body


async def test_damage_keeps_to_the_paths_it_is_told(blobs: Blobs, link: StoreLink) -> None:
    await blobs.put("t/u/input", BODY)
    await blobs.put("t/a/result", BODY)
    link.flip(1.0, random.Random(5), path_has="/u/")
    assert await blobs.get("t/a/result") == BODY
    assert await blobs.get("t/u/input") != BODY
    assert link.damaged() == {f"/{BUCKET}/t/u/input": 1}


async def test_a_store_behind_a_cut_link_is_away_until_it_opens(blobs: Blobs, link: StoreLink) -> None:
    await blobs.put("t/there", BODY)
    link.cut()
    with pytest.raises(BlobUnavailable):
        await blobs.get("t/there")
    link.open()
    reading = asyncio.ensure_future(blobs.get("t/there"))
    link.black_hole()
    link.slow(50_000_000, 0.001)
    assert await reading == BODY
