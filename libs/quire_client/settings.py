"""Where Quire is and who asks, from the environment."""

from collections.abc import Mapping
from pathlib import Path

from quire_client.channel import Tls
from quire_client.errors import ConfigurationError

ENDPOINT = "QUIRE_ENDPOINT"
UPLOAD_ENDPOINT = "QUIRE_UPLOAD_ENDPOINT"
API_KEY = "QUIRE_API_KEY"
ADMIN_TOKEN = "QUIRE_ADMIN_TOKEN"  # noqa: S105 - the variable's name
CA_FILE = "QUIRE_CA_FILE"
CLIENT_CERT_FILE = "QUIRE_CLIENT_CERT_FILE"
CLIENT_KEY_FILE = "QUIRE_CLIENT_KEY_FILE"

_MEANINGS = {
    ENDPOINT: "host:port of the batch service",
    UPLOAD_ENDPOINT: "host:port of the gateway's gRPC door",
    API_KEY: "your API key",
    ADMIN_TOKEN: "the operator's token",
}


def read_environment(*names: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read variables that must be set.

    Raises:
        ConfigurationError: names all that are missing.
    """
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise missing_settings(*missing)
    return tuple(environment[name].strip() for name in names)


def missing_settings(*names: str) -> ConfigurationError:
    """Say what to set."""
    meanings = ", ".join(f"{name} to {_MEANINGS[name]}" for name in names)
    return ConfigurationError(f"not set: {', '.join(names)}", f"Set {meanings}.")


def read_tls(environment: Mapping[str, str]) -> Tls | None:
    """Read the certificates of QUIRE_CA_FILE, QUIRE_CLIENT_CERT_FILE and QUIRE_CLIENT_KEY_FILE; None without any.

    Raises:
        ConfigurationError: half of a pair is missing, or a file cannot be read.
    """
    if bool(environment.get(CLIENT_CERT_FILE)) != bool(environment.get(CLIENT_KEY_FILE)):
        raise ConfigurationError(
            "half of a client certificate", f"Set both {CLIENT_CERT_FILE} and {CLIENT_KEY_FILE}, or neither."
        )
    ca, cert, key = (_content(name, environment) for name in (CA_FILE, CLIENT_CERT_FILE, CLIENT_KEY_FILE))
    return Tls(ca, cert, key) if ca or cert else None


def _content(name: str, environment: Mapping[str, str]) -> bytes | None:
    path = environment.get(name, "").strip()
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise ConfigurationError(f"{name}: {error}", f"Set {name} to a PEM file you may read.") from error
