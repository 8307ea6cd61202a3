"""The local stack starts real servers in a folder of its own, keeps their data, and leaves nothing running."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest
from minio import Minio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import ports, proc, processes, settings
from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.processes import Part
from deploy.local.readiness import until_ready
from deploy.local.report import PARTS, Report
from deploy.local.stack import down, stack, up

SERVERS = ("postgres", "epmd", "rabbitmq", "object-store")
SERVICES = ("batch", "gateway", "extractor")
SILENT = Report(silent=True)

# Stands in for the interpreter: `-m batch serve` becomes a server that only answers the health check.
FAKE_PYTHON = """#!{python}
import json, os, signal, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

_, _, module, verb, *_ = sys.argv
if verb != "serve":
    print(json.dumps(dict(key="made by " + module)))
    sys.exit()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
servicer = health.HealthServicer()
servicer.set("", health_pb2.HealthCheckResponse.SERVING)
server = grpc.server(ThreadPoolExecutor(2))
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port(os.environ["QUIRE_" + dict(gateway="GATEWAY_GRPC").get(module, module.upper()) + "_LISTEN"])
server.start()
signal.sigwait([signal.SIGTERM])
server.stop(0)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="module")
def env(home: Path) -> Iterator[dict[str, str]]:
    with stack(home, services=False) as values:
        yield values


def store(env: dict[str, str]) -> Minio:
    return Minio(
        endpoint=env["QUIRE_S3_ENDPOINT"].removeprefix("http://"),
        access_key=env["QUIRE_S3_ACCESS_KEY"],
        secret_key=env["QUIRE_S3_SECRET_KEY"],
        secure=False,
        region=env["QUIRE_S3_REGION"],
    )


async def ask_database(env: dict[str, str], sql: str) -> object:
    engine = create_async_engine(env["QUIRE_DATABASE_OWNER_URL"])
    try:
        async with engine.begin() as connection:
            rows = await connection.execute(text(sql))
            return rows.scalar() if rows.returns_rows else None
    finally:
        await engine.dispose()


async def count_jobs(env: dict[str, str], publish: int) -> int | None:
    connection = await aio_pika.connect(env["QUIRE_AMQP_URL"])
    async with connection, connection.channel() as channel:
        queue = await channel.declare_queue("jobs", durable=True, arguments={"x-queue-type": "quorum"})
        for _ in range(publish):
            message = aio_pika.Message(b"job", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, queue.name)
        return (await channel.declare_queue("jobs", passive=True)).declaration_result.message_count


def put(env: dict[str, str], name: str) -> None:
    store(env).put_object(bucket_name=env["QUIRE_S3_BUCKET"], object_name=name, data=io.BytesIO(b"kept"), length=4)


def names(env: dict[str, str]) -> list[str | None]:
    return [one.object_name for one in store(env).list_objects(bucket_name=env["QUIRE_S3_BUCKET"])]


def processes_of(home: Path) -> list[str]:
    lines = [(proc.PROC / str(one.pid) / "cmdline").read_bytes() for one in proc.living()]
    return [line.decode() for line in lines if str(home).encode() in line]


def kill(home: Path, part: str) -> None:
    record = processes.recorded(Home(home), part)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    while record.running():
        os.sched_yield()


def sleeper(tmp_path: Path) -> Part:
    return Part("sleeper", ("/bin/sh", "-c", "sleep 60 & wait"), os.environ, tmp_path, "nowhere")


async def test_each_server_answers_at_the_address_of_the_environment(env: dict[str, str]) -> None:
    assert await ask_database(env, "SHOW max_connections") == "200"
    assert await count_jobs(env, publish=1) == 1
    assert store(env).bucket_exists(bucket_name="quire")


async def test_data_survives_a_killed_server_and_a_second_up(env: dict[str, str], home: Path) -> None:
    await ask_database(env, "CREATE TABLE kept (n integer)")
    jobs = await count_jobs(env, publish=1)
    put(env, "survivor")
    await asyncio.to_thread(kill, home, "object-store")
    await asyncio.to_thread(down, Home(home))
    assert processes_of(home) == []
    again = await asyncio.to_thread(up, Home(home), {}, SILENT, with_services=False)
    assert again == env
    assert await ask_database(env, "SELECT count(*) FROM kept") == 0
    assert await count_jobs(env, publish=0) == jobs
    assert "survivor" in names(env)


def test_up_leaves_alone_what_runs(env: dict[str, str], home: Path) -> None:
    before = {part: processes.recorded(Home(home), part) for part in SERVERS}
    assert up(Home(home), {}, SILENT, with_services=False) == env
    assert {part: processes.recorded(Home(home), part) for part in SERVERS} == before


def test_secrets_are_readable_by_their_owner_only(env: dict[str, str], home: Path) -> None:
    assert env["QUIRE_KEY_PEPPER"] in (home / "env").read_text()
    assert (home / "env").stat().st_mode & 0o077 == 0


def test_given_servers_replace_ours(env: dict[str, str], tmp_path: Path) -> None:
    with stack(tmp_path, services=False, given=env) as borrowed:
        same = ("QUIRE_DATABASE_OWNER_URL", "QUIRE_AMQP_URL", "QUIRE_S3_ENDPOINT", "QUIRE_S3_SECRET_KEY")
        assert {name: borrowed[name] for name in same} == {name: env[name] for name in same}
        assert not any(processes.running(Home(tmp_path), part) for part in PARTS)


def test_a_given_server_that_does_not_answer_is_named(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.readiness.EXTERNAL_SECONDS", 0.5)
    given = env | {"QUIRE_AMQP_URL": "amqp://somebody:else@127.0.0.1:1/"}
    with pytest.raises(StackError, match="QUIRE_AMQP_URL is given"), stack(tmp_path, services=False, given=given):
        pass


def test_services_are_up_inside_the_block_and_down_after_it(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, home = tmp_path / "python", Home(tmp_path / "home")
    fake.write_text(FAKE_PYTHON.format(python=sys.executable))
    fake.chmod(0o700)
    monkeypatch.setattr("deploy.local.services.PYTHON", str(fake))
    with stack(home.root, given=env) as values:
        assert values["QUIRE_API_KEY"] == "made by quire_client.command"
        assert settings.read(home.env_file)["QUIRE_API_KEY"] == values["QUIRE_API_KEY"]
        before = [processes.recorded(home, name) for name in SERVICES]
        assert up(home, env, SILENT, with_services=True) == values
        assert [processes.recorded(home, name) for name in SERVICES] == before
        assert all(processes.running(home, name) for name in SERVICES)
    assert not any(processes.running(home, name) for name in SERVICES)


async def test_a_part_that_dies_while_starting_is_reported_with_its_last_words(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    processes.ensure(home, Part("broken", ("/bin/sh", "-c", "echo no more ink; exit 3"), os.environ, tmp_path, ""))

    async def never() -> str:
        return "silence"

    with pytest.raises(StackError, match=r"broken ended while starting:\n    no more ink\n  log: .*broken.log"):
        await until_ready(home, "broken", never)
    processes.end(home, "broken")


def test_end_kills_what_a_dead_part_left_behind(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    processes.ensure(home, sleeper(tmp_path))
    record = processes.recorded(home, "sleeper")
    assert record is not None
    while len(record.survivors()) < 2:
        os.sched_yield()
    kill(tmp_path, "sleeper")
    assert len(record.survivors()) == 1
    assert processes.end(home, "sleeper")
    assert record.survivors() == []


def test_end_spares_a_stranger_who_got_the_pid(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    with subprocess.Popen(("/bin/sleep", "60"), start_new_session=True) as stranger:
        record = processes.Record(stranger.pid, 1, proc.boot_id(), "", "", signal.SIGTERM, 1.0)
        processes.write(home, "sleeper", record)
        assert not processes.end(home, "sleeper")
        assert stranger.poll() is None
        stranger.kill()


def test_another_block_is_chosen_when_a_stored_port_is_taken() -> None:
    with ports.reserved(None, occupied_by_us=False) as first:
        pass
    with ports.reserved(first, occupied_by_us=False) as again, ports.reserved(again, occupied_by_us=False) as other:
        assert again == first
        assert other != first


def test_the_gateway_port_asked_for_must_be_free(tmp_path: Path) -> None:
    with ports.reserved(None, occupied_by_us=False) as taken:
        given = {"QUIRE_GATEWAY_HTTP_PORT": str(taken)}
        with pytest.raises(StackError, match="QUIRE_GATEWAY_HTTP_PORT"):
            settings.http_port(Home(tmp_path), given, taken, usual=None, running=False)
        assert settings.http_port(Home(tmp_path), {}, taken, usual=taken, running=False) != taken
