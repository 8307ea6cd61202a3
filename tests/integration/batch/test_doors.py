"""The service as processes: every door runs alone and together with others, and says what it cannot start with."""

import asyncio
import signal
import socket
from itertools import chain

import pytest

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED_WITH_ERRORS
from tests.integration.batch.processes import Servers, run_batch
from tests.integration.batch.workers import Attempt, Worker, succeed
from tests.integration.batch.world import World

APART = (("rpc",), ("dispatch", "fold"), ("relay",), ("emit",), ("rescue",), ("sweep", "dead"))


async def fail_the_first(attempt: Attempt) -> None:
    await (attempt.fail() if attempt.claim.position == 1 else succeed(attempt))


async def test_doors_in_processes_of_their_own_are_one_service(world: World) -> None:
    assert await asyncio.to_thread(world.service.terminate) == 0
    replicas = await asyncio.gather(*(world.replica(*doors) for doors in APART))
    door = await world.door_to(replicas[0].address)
    tenant, subscriber = await door.create_tenant(), await world.subscriber()
    batch = await tenant.sealed(10)
    await world.leaving.enter_async_context(Worker(door, fail_the_first))
    final = await tenant.until_final(batch.id)
    assert final.status == BATCH_STATUS_COMPLETED_WITH_ERRORS
    await subscriber.until_terminal([batch.id])
    stopped = await asyncio.gather(*(asyncio.to_thread(replica.terminate) for replica in replicas))
    assert set(stopped) == {0}
    logged = list(chain.from_iterable(replica.events() for replica in replicas))
    assert {line["event"] for line in logged} >= {"process_started", "process_draining", "process_stopped"}
    assert not [line for line in logged if line["level"] in ("error", "critical")]


async def test_a_door_that_loses_its_work_takes_the_process_down(world: World) -> None:
    replica = await world.replica("dispatch")
    await world.database.execute("ALTER TABLE workers RENAME TO elsewhere")
    try:
        assert await asyncio.to_thread(replica.wait) == 1
        if world.service.running:
            world.service.kill()
    finally:
        await world.database.execute("ALTER TABLE elsewhere RENAME TO workers")
    assert any(line["event"] == "background_part_died" for line in replica.events())


def test_a_door_that_does_not_exist_is_refused(servers: Servers) -> None:
    done = run_batch(servers, "serve", "window")
    assert done.returncode == 2
    assert "window" in done.stderr
    assert "dispatch" in done.stderr


@pytest.mark.catalogue("Q19")
def test_faulty_settings_are_all_named_before_anything_starts(servers: Servers) -> None:
    done = run_batch(servers, "serve", QUIRE_BATCH_LISTEN="nowhere", QUIRE_KEY_PEPPER="short", QUIRE_AMQP_URL="")
    assert done.returncode == 78
    assert "QUIRE_BATCH_LISTEN" in done.stderr
    assert "QUIRE_KEY_PEPPER" in done.stderr
    assert "short" not in done.stderr


def test_an_address_that_is_taken_ends_the_process(servers: Servers) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        done = run_batch(servers, "serve", "sweep", QUIRE_BATCH_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1


def test_migrations_run_twice_and_side_by_side_change_nothing(servers: Servers) -> None:
    assert run_batch(servers, "migrate").returncode == 0


async def test_no_secret_and_no_content_is_logged(world: World) -> None:
    replica = await world.replica(QUIRE_LOG_LEVEL="debug")
    door = await world.door_to(replica.address)
    tenant = await door.create_tenant()
    batch = await tenant.sealed(2, extraction_prompt="canary prompt")
    await world.leaving.enter_async_context(Worker(door, fail_the_first))
    await tenant.until_final(batch.id)
    replica.send(signal.SIGINT)
    assert await asyncio.to_thread(replica.wait) == 0, "an interrupt drains like a termination"
    logged = replica.log.read_text()
    secrets = [value for name, value in world.servers.items() if name.endswith(("_TOKEN", "_PEPPER", "_SECRET_KEY"))]
    for canary in ("canary", tenant.key, *secrets):
        assert canary not in logged
