"""One way to Quire: a channel, the credential on every call, a deadline and retries of what is safe to repeat."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TypeVar

import grpc

from quire_client.errors import read_error
from quire_client.patience import Patience

CALL_SECONDS = 30.0
SECURE_SCHEMES = ("grpcs://", "https://")

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)

Metadata = tuple[tuple[str, str], ...]
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts: whom to trust (the system's authorities when None), and who calls, if the server asks."""

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """As gRPC takes them."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.cert)


def open_channel(endpoint: str, tls: Tls | None = None) -> grpc.aio.Channel:
    """Open a channel to `host:port`, over TLS when given or to `grpcs://host:port`; it connects when first used."""
    target, secure = _target(endpoint, tls)
    if secure:
        return grpc.aio.secure_channel(target, secure.credentials(), options=_OPTIONS)
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


def open_threaded_channel(endpoint: str, tls: Tls | None = None) -> grpc.Channel:
    """The same, without asyncio."""
    target, secure = _target(endpoint, tls)
    if secure:
        return grpc.secure_channel(target, secure.credentials(), options=_OPTIONS)
    return grpc.insecure_channel(target, options=_OPTIONS)


def _target(endpoint: str, tls: Tls | None) -> tuple[str, Tls | None]:
    for scheme in SECURE_SCHEMES:
        if endpoint.startswith(scheme):
            return endpoint.removeprefix(scheme), tls or Tls()
    return endpoint, tls


class Caller:
    """Makes calls with one credential; a failed one raises a `CallError`."""

    def __init__(self, metadata: Metadata, retry_for: float) -> None:
        self.metadata = metadata
        self.retry_for = retry_for

    async def call(self, method: "grpc.aio.UnaryUnaryMultiCallable[Asked, Answer]", request: Asked) -> Answer:
        """Call until it answers or `retry_for` seconds of no answer are over; the request stays the same each time."""
        patience = Patience(self.retry_for)
        while True:
            try:
                return await method(request, timeout=CALL_SECONDS, metadata=self.metadata)
            except grpc.aio.AioRpcError as error:
                failure = read_error(error)
                if not patience.allows(failure):
                    raise failure from error
            await patience.pause()

    async def stream(
        self, method: "grpc.aio.UnaryStreamMultiCallable[Asked, Answer]", request: Asked
    ) -> AsyncGenerator[Answer, None]:
        """Read one stream to its end; the caller knows how to go on after a break."""
        call = method(request, metadata=self.metadata)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise read_error(error) from error
        finally:
            call.cancel()
