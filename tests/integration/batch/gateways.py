"""A gateway before a batch service, in the process of the test."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx2
from pydantic import SecretStr

from chassis.blobs import Blobs
from chassis.rpc_client import open_channel
from gateway.app import Doors
from gateway.backend import Backend
from gateway.settings import GatewaySettings
from gateway.upload import Uploads
from tests.integration.batch.processes import Servers, free_address


@dataclass(frozen=True)
class Gateway:
    """Its two doors."""

    http: httpx2.AsyncClient
    rpc: grpc.aio.Channel
    rpc_address: str


@asynccontextmanager
async def running_gateway(
    servers: Servers,
    batch_address: str,
    *,
    https: ssl.SSLContext | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    **changes: Any,
) -> AsyncGenerator[Gateway]:
    """A gateway with changed settings; `https` and `credentials` say how to call one that serves over TLS."""
    settings = GatewaySettings(
        s3_endpoint=servers["QUIRE_S3_ENDPOINT"],
        s3_access_key=SecretStr(servers["QUIRE_S3_ACCESS_KEY"]),
        s3_secret_key=SecretStr(servers["QUIRE_S3_SECRET_KEY"]),
        s3_bucket=servers["QUIRE_S3_BUCKET"],
        batch_address=batch_address,
        gateway_token=SecretStr(servers["QUIRE_GATEWAY_TOKEN"]),
        gateway_http_listen=free_address(),
        gateway_grpc_listen=free_address(),
        drain_seconds=6,
        notice_seconds=0,
        **changes,
    )
    blobs, channel = Blobs(settings), open_channel(settings.batch_address, settings.batch_tls)
    backend = Backend(channel, settings.gateway_token.get_secret_value())
    uploads = Uploads(backend, blobs)
    doors = Doors(settings, backend, blobs, uploads)
    await doors.start()
    try:
        base = f"{'https' if https else 'http'}://{settings.gateway_http_listen}"
        address = settings.gateway_grpc_listen
        plain = grpc.aio.insecure_channel
        door = grpc.aio.secure_channel(address, credentials) if credentials else plain(address)
        async with (
            httpx2.AsyncClient(base_url=base, timeout=30, trust_env=False, verify=https or True) as http,
            door as rpc,
        ):
            yield Gateway(http, rpc, address)
    finally:
        await doors.stop()
        await channel.close()
        blobs.close()
