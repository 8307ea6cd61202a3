"""Channels to other services: round robin over a headless service, deadlines, retries of what is safe to repeat."""

import json

import grpc

from chassis.tls import ChannelTls

SERVICE_TOKEN_KEY = "x-quire-service"  # noqa: S105 - the metadata key, not a token
AUTHORIZATION_KEY = "authorization"

# A server that stops answers CANCELLED to calls it had received but not begun; no door of ours does.
_RETRIED = ["UNAVAILABLE", "CANCELLED"]
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": _RETRIED,
                },
            }
        ],
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
)

ChannelOptions = tuple[tuple[str, str | int], ...]
CHANNEL_OPTIONS: ChannelOptions = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
)


def open_channel(
    address: str, tls: ChannelTls | None = None, options: ChannelOptions = CHANNEL_OPTIONS
) -> grpc.aio.Channel:
    """Open a channel to `host:port` or `dns:///name:port`; it connects when first used and for as long as it lives."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, tls.credentials(), options=options)
