"""Where Quire is and who asks, from the environment."""

from collections.abc import Mapping

from quire_client.errors import ConfigurationError

ENDPOINT = "QUIRE_ENDPOINT"
UPLOAD_ENDPOINT = "QUIRE_UPLOAD_ENDPOINT"
API_KEY = "QUIRE_API_KEY"
ADMIN_TOKEN = "QUIRE_ADMIN_TOKEN"  # noqa: S105 - the variable's name

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
