"""Quire's own processes: the migration, then batch, gateway and extractor, and the key of the demo tenant."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from deploy.local.failures import StackError
from deploy.local.home import REPOSITORY, Home
from deploy.local.processes import Part
from deploy.local.settings import Environ, public

PYTHON = sys.executable
HEALTH_SECONDS = 2.0
# No balancer stands before these.
NOTICE_SECONDS = "0.5"
MIGRATE_SECONDS = 120.0
DEMO_KEY = ("-m", "quire_client.command", "admin", "create-key", "--tenant", "demo", "--tier", "GROWTH", "--json")
# Kept from the services, which would else be started anew when one of these changes.
FOR_CLIENTS = {"QUIRE_API_KEY", "QUIRE_HOME", "QUIRE_GATEWAY_HTTP_PORT"}


@dataclass(frozen=True)
class Service:
    """One of ours: `python -m NAME serve`, which answers grpc.health.v1 on the address of `health`."""

    name: str
    health: str


BATCH = Service("batch", "QUIRE_BATCH_LISTEN")
GATEWAY = Service("gateway", "QUIRE_GATEWAY_GRPC_LISTEN")
EXTRACTOR = Service("extractor", "QUIRE_EXTRACTOR_LISTEN")


def part(service: Service, values: Environ) -> Part:
    """The process of a service."""
    shown = "QUIRE_GATEWAY_HTTP_LISTEN" if service is GATEWAY else service.health
    return Part(
        name=service.name,
        argv=(PYTHON, "-m", service.name, "serve"),
        environ=_environ(values),
        cwd=REPOSITORY,
        address=values[shown],
        grace_seconds=30.0,
    )


async def probe(service: Service, values: Environ) -> str | None:
    """Ready when its health check says SERVING."""
    async with grpc.aio.insecure_channel(values[service.health]) as channel:
        # By name, since the stub of this package has no types.
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            answer = await check(HealthCheckRequest(service=""), timeout=HEALTH_SECONDS)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
    return None if answer.status == HealthCheckResponse.SERVING else "not SERVING yet"


async def migrate(home: Home, values: Environ) -> None:
    """Brings the schema up to date and makes the two roles."""
    await _run(home, "migrate", ("-m", "batch", "migrate"), values)


async def demo_key(home: Home, values: Environ) -> str:
    """Makes the tenant `demo` and answers a key of it."""
    printed = await _run(home, "demo-key", DEMO_KEY, values)
    try:
        answer: dict[str, str] = json.loads(printed)
        return answer["key"]
    except (ValueError, KeyError) as error:
        raise StackError(f"`python {' '.join(DEMO_KEY)}` printed no JSON with a `key`") from error


async def _run(home: Home, name: str, words: tuple[str, ...], values: Environ) -> bytes:
    with home.fresh_log(name).open("wb") as log:
        done = await asyncio.create_subprocess_exec(
            PYTHON, *words, env=_environ(values), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        try:
            printed, _ = await asyncio.wait_for(done.communicate(), MIGRATE_SECONDS)
        except TimeoutError as error:
            done.kill()
            raise StackError(f"{name} took more than {MIGRATE_SECONDS:.0f} s:\n{home.last_words(name)}") from error
    if done.returncode != 0:
        raise StackError(f"{name} failed:\n{home.last_words(name)}")
    return printed


def _environ(values: Environ) -> dict[str, str]:
    merged = {"QUIRE_NOTICE_SECONDS": NOTICE_SECONDS, **os.environ, "PYTHONUNBUFFERED": "1", **public(values)}
    return {key: value for key, value in merged.items() if key not in FOR_CLIENTS}
