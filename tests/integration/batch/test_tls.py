"""TLS and mutual TLS: of the batch service, of the gateway's two doors, and of those who call them."""

import asyncio
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import httpx2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.tls import ChannelTls
from extractor.work.lifeline import open_lifeline_channel
from quire_client import AccessError, AdminClient, ConfigurationError, QuireClient, UnavailableError
from tests.certificates import Authority, Pair
from tests.integration.batch.gateways import running_gateway
from tests.integration.batch.processes import REPOSITORY, BatchProcess, Servers, free_address
from tests.integration.batch.world import World


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.issue("127.0.0.1")


@pytest.fixture(scope="module")
def caller(authority: Authority) -> Pair:
    return authority.issue("caller.example")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "theirs")


@pytest.fixture(scope="module")
def service(
    servers: Servers, authority: Authority, server: Pair, caller: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BatchProcess]:
    """A replica that asks its callers for certificates."""
    settings = {
        "QUIRE_TLS_CERT_FILE": str(server.cert),
        "QUIRE_TLS_KEY_FILE": str(server.key),
        "QUIRE_TLS_CLIENT_CA_FILE": str(authority.file),
    }
    log = tmp_path_factory.mktemp("tls") / "batch.log"
    credentials = ChannelTls(authority.file, caller.cert, caller.key).credentials()
    process = BatchProcess(servers, log, ("rpc",), settings, credentials=credentials).start()
    yield process
    process.kill()


async def serves(channel: grpc.aio.Channel) -> bool:
    stub = cast("Any", health_pb2_grpc).HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def environment(service: BatchProcess, authority: Path, caller: Pair | None, **more: str) -> dict[str, str]:
    """Of the `quire` command and the Python client."""
    pair = {"QUIRE_CLIENT_CERT_FILE": str(caller.cert), "QUIRE_CLIENT_KEY_FILE": str(caller.key)} if caller else {}
    return {"QUIRE_ENDPOINT": service.address, "QUIRE_CA_FILE": str(authority), **pair, **more}


async def limits(environ: dict[str, str]) -> object:
    async with QuireClient.from_environment(retry_for=0, environment=environ) as quire:
        return await quire.limits()


async def test_a_caller_with_a_certificate_is_served_and_still_needs_a_credential(
    servers: Servers, service: BatchProcess, authority: Authority, caller: Pair
) -> None:
    environ = environment(service, authority.file, caller, QUIRE_API_KEY="quire_0_0")
    with pytest.raises(AccessError):
        await limits(environ)
    token = {"QUIRE_ADMIN_TOKEN": servers["QUIRE_ADMIN_TOKEN"]}
    async with AdminClient.from_environment(environment=environ | token) as admin:
        assert [tenant async for tenant in admin.list_tenants()] == []
    async with AdminClient.from_environment(
        environment=environ | token | {"QUIRE_ENDPOINT": f"grpcs://{service.address}"}
    ) as admin:
        assert [tenant async for tenant in admin.list_tenants()] == []


async def test_a_caller_without_a_certificate_or_with_a_strangers_is_refused(
    service: BatchProcess, authority: Authority, stranger: Authority
) -> None:
    for certificate in (None, stranger.issue("caller.example")):
        with pytest.raises(UnavailableError):
            await limits(environment(service, authority.file, certificate, QUIRE_API_KEY="quire_0_0"))


async def test_a_server_the_caller_does_not_trust_is_told_nothing(
    service: BatchProcess, stranger: Authority, caller: Pair
) -> None:
    with pytest.raises(UnavailableError):
        await limits(environment(service, stranger.file, caller, QUIRE_API_KEY="quire_0_0"))
    with pytest.raises(UnavailableError):
        await limits({"QUIRE_ENDPOINT": service.address, "QUIRE_API_KEY": "quire_0_0"})


@pytest.mark.parametrize(
    "changes", [{"QUIRE_CLIENT_CERT_FILE": ""}, {"QUIRE_CLIENT_KEY_FILE": ""}, {"QUIRE_CA_FILE": "/nowhere"}]
)
async def test_a_client_says_which_certificate_is_missing(
    service: BatchProcess, authority: Authority, caller: Pair, changes: dict[str, str]
) -> None:
    environ = environment(service, authority.file, caller, QUIRE_API_KEY="k") | changes
    with pytest.raises(ConfigurationError, match=next(iter(changes))):
        await limits(environ)


async def test_the_line_of_life_of_a_worker_shows_its_certificate(
    service: BatchProcess, authority: Authority, caller: Pair
) -> None:
    async with open_lifeline_channel(service.address, ChannelTls(authority.file, caller.cert, caller.key)) as line:
        assert await serves(line)
    async with open_lifeline_channel(service.address, ChannelTls(authority.file, None, None)) as line:
        with pytest.raises(grpc.aio.AioRpcError):
            await serves(line)


async def test_an_extractor_with_a_certificate_attaches(
    world: World, service: BatchProcess, authority: Authority, caller: Pair
) -> None:
    settings = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": "services:libs",
        **world.servers,
        "QUIRE_BATCH_ADDRESS": service.address,
        "QUIRE_EXTRACTOR_LISTEN": free_address(),
        "QUIRE_BATCH_CA_FILE": str(authority.file),
        "QUIRE_BATCH_CLIENT_CERT_FILE": str(caller.cert),
        "QUIRE_BATCH_CLIENT_KEY_FILE": str(caller.key),
    }
    extractor = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "extractor", "serve", env=settings, cwd=REPOSITORY, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await world.until("SELECT count(*) = 1 FROM workers", seconds=60)
    finally:
        extractor.kill()
        await extractor.wait()


async def test_both_doors_of_the_gateway_ask_for_certificates_and_it_shows_its_own(
    servers: Servers, service: BatchProcess, authority: Authority, server: Pair, caller: Pair
) -> None:
    trusting = ssl.create_default_context(cafile=authority.file)
    known = ssl.create_default_context(cafile=authority.file)
    known.load_cert_chain(caller.cert, caller.key)
    shown = ChannelTls(authority.file, caller.cert, caller.key)
    settings = {
        "tls_cert_file": server.cert,
        "tls_key_file": server.key,
        "tls_client_ca_file": authority.file,
        "batch_ca_file": authority.file,
        "batch_client_cert_file": caller.cert,
        "batch_client_key_file": caller.key,
    }
    async with running_gateway(
        servers, service.address, https=known, credentials=shown.credentials(), **settings
    ) as gateway:
        assert (await gateway.http.get("/readyz")).json()["batch"] == "ok"
        refusal = await gateway.http.get("/v1/limits", headers={"Authorization": "Bearer quire_0_0"})
        assert (refusal.status_code, refusal.json()["reason"]) == (401, "UNAUTHENTICATED")
        assert await serves(gateway.rpc)
        async with httpx2.AsyncClient(base_url=gateway.http.base_url, verify=trusting, trust_env=False) as unknown:
            with pytest.raises(httpx2.TransportError):
                await unknown.get("/healthz")
        async with grpc.aio.secure_channel(
            gateway.rpc_address, ChannelTls(authority.file, None, None).credentials()
        ) as unknown_rpc:
            with pytest.raises(grpc.aio.AioRpcError):
                await serves(unknown_rpc)


async def test_a_gateway_without_a_certificate_does_not_reach_the_service(
    servers: Servers, service: BatchProcess, authority: Authority
) -> None:
    async with running_gateway(servers, service.address, batch_ca_file=authority.file) as gateway:
        answer = await gateway.http.get("/v1/limits", headers={"Authorization": "Bearer quire_0_0"})
        assert (answer.status_code, answer.json()["reason"]) == (503, "SERVICE_UNAVAILABLE")


async def test_a_server_without_an_authority_takes_callers_without_certificates(
    world: World, server: Pair, authority: Authority
) -> None:
    log = world.folder / "open.log"
    settings = {"QUIRE_TLS_CERT_FILE": str(server.cert), "QUIRE_TLS_KEY_FILE": str(server.key)}
    credentials = ChannelTls(authority.file, None, None).credentials()
    replica = BatchProcess(world.servers, log, ("rpc",), settings, credentials=credentials)
    world.processes.append(replica.start())
    with pytest.raises(AccessError):
        await limits(environment(replica, authority.file, None, QUIRE_API_KEY="quire_0_0"))
