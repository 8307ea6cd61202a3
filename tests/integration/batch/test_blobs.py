"""Listing and removing many objects, on a real S3 server."""

from collections.abc import AsyncIterator

import pytest

from chassis.blobs import Blobs, BlobUnavailable
from chassis.settings import StoreSettings
from tests.integration.batch.processes import free_address
from tests.integration.batch.sweeps import Ground, sweeping
from tests.integration.batch.tenants import an_id
from tests.integration.batch.world import World


@pytest.fixture
async def ground(world: World) -> AsyncIterator[Ground]:
    async with sweeping(world) as opened:
        yield opened


async def test_pages_follow_each_other_in_the_order_of_keys(ground: Ground) -> None:
    prefix = f"t/{an_id()}/"
    keys = [f"{prefix}{name}" for name in ("a", "b/1", "b/2", "c")]
    await ground.put(*keys, f"{prefix[:-1]}x/other")
    first = await ground.blobs.list_page(prefix, limit=3)
    second = await ground.blobs.list_page(prefix, first[-1].key, limit=3)
    assert [blob.key for blob in (*first, *second)] == keys
    assert all(blob.modified_at.tzinfo for blob in first)
    assert await ground.blobs.list_page(prefix, keys[-1]) == []


async def test_everything_under_a_prefix_is_removed_and_nothing_beside_it(ground: Ground) -> None:
    prefix = f"t/{an_id()}/b/1/"
    beside = f"{prefix[:-2]}10/kept"
    await ground.put(*(f"{prefix}{number:02}" for number in range(25)), beside)
    await ground.blobs.remove_under(prefix)
    assert await ground.keys(prefix) == []
    assert await ground.keys(beside) == [beside]
    await ground.blobs.remove_under(prefix)


async def test_objects_that_are_not_there_are_removed_already(ground: Ground) -> None:
    prefix = f"t/{an_id()}/"
    await ground.put(f"{prefix}there")
    await ground.blobs.remove_many([f"{prefix}there", f"{prefix}not-there"])
    await ground.blobs.remove_many([])
    assert await ground.keys(prefix) == []


async def test_a_store_that_is_away_is_unavailable_to_lists_and_removals(world: World) -> None:
    fields = {name.removeprefix("QUIRE_").lower(): value for name, value in world.servers.items()}
    away = Blobs(StoreSettings.model_validate({**fields, "s3_endpoint": f"http://{free_address()}"}))
    with pytest.raises(BlobUnavailable):
        await away.list_page("t/")
    with pytest.raises(BlobUnavailable):
        await away.remove_many(["t/x"])
    away.close()
