"""What a stack is told and what it makes up once: secrets and ports, and the environment the services read."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.ports import Offset, address, is_free

Environ = Mapping[str, str]

DATABASE = "quire"
OWNER = "quire_owner"
BUCKET = "quire"
REGION = "us-east-1"

# Only this package reads these; `env` and `run` leave them out.
LOCAL_PREFIX = "QUIRE_LOCAL_"
BASE_PORT = "QUIRE_LOCAL_BASE_PORT"

# Name and random bytes of each secret that is made up at the first `up` and kept.
SECRETS = {
    "QUIRE_LOCAL_OWNER_PASSWORD": 24,
    "QUIRE_LOCAL_API_PASSWORD": 24,
    "QUIRE_LOCAL_ENGINE_PASSWORD": 24,
    "QUIRE_LOCAL_AMQP_PASSWORD": 24,
    "QUIRE_LOCAL_S3_ACCESS_KEY": 10,
    "QUIRE_LOCAL_S3_SECRET_KEY": 24,
    "QUIRE_KEY_PEPPER": 32,
    "QUIRE_GATEWAY_TOKEN": 32,
    "QUIRE_WORKER_TOKEN": 32,
    "QUIRE_ADMIN_TOKEN": 32,
    "QUIRE_SESSION_KEYS": 32,
}

# Each names a server of somebody else's, which then replaces ours.
SERVERS = {
    "postgres": "QUIRE_DATABASE_OWNER_URL",
    "rabbitmq": "QUIRE_AMQP_URL",
    "object-store": "QUIRE_S3_ENDPOINT",
}


def read(file: Path) -> dict[str, str]:
    """The KEY=VALUE lines of an env file; empty before the first `up`."""
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def write(file: Path, values: Environ) -> None:
    """Replaces the env file at once, readable by its owner only."""
    draft = file.with_name(f"{file.name}.new")
    draft.touch(mode=0o600)
    draft.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    draft.replace(file)


def public(values: Environ) -> dict[str, str]:
    """What the services and their users need to know: all but the stack's own notes."""
    return {key: value for key, value in values.items() if not key.startswith(LOCAL_PREFIX)}


def is_external(part: str, values: Environ) -> bool:
    """Whether somebody else's server plays this part: ours carry our secret, in the address or beside it."""
    if part == "object-store":
        return values["QUIRE_S3_ACCESS_KEY"] != values["QUIRE_LOCAL_S3_ACCESS_KEY"]
    secret = {"postgres": "QUIRE_LOCAL_OWNER_PASSWORD", "rabbitmq": "QUIRE_LOCAL_AMQP_PASSWORD"}[part]
    return values[secret] not in values[SERVERS[part]]


def settle(home: Home, given: Environ, base: int, http_port: int) -> dict[str, str]:
    """Decides every value of the stack, from what is stored, what is given and the ports it has."""
    stored = read(home.env_file)
    kept = {name: stored.get(name) or secrets.token_hex(size) for name, size in SECRETS.items()}
    values = {BASE_PORT: str(base), **kept}
    values |= _database(values, given, base) | _broker(values, given, base) | _store(values, given, base)
    values |= _doors(base, http_port)
    return values | _api_key(values, stored, given)


def http_port(home: Home, given: Environ, base: int, *, usual: int | None, running: bool) -> int:
    """The port of the gateway's pages: the one asked for, or the usual one when it is free, or one of the block."""
    stored = read(home.env_file).get("QUIRE_GATEWAY_HTTP_LISTEN", "").rpartition(":")[2]
    asked = given.get("QUIRE_GATEWAY_HTTP_PORT", "")
    if running and stored and asked in {"", stored}:
        return int(stored)
    if asked and not is_free(int(asked)):
        raise StackError(f"QUIRE_GATEWAY_HTTP_PORT={asked} is taken: choose another, or unset it to get a free one")
    wanted = [int(port) for port in (asked, stored, usual) if port]
    return next((port for port in wanted if is_free(port)), base + Offset.GATEWAY_HTTP)


def _foreign(name: str, ours: str, given: Environ) -> str | None:
    # A shell that ran `eval "$(… env)"` gives our own address back, perhaps of an older port: that is no stranger's.
    value = given.get(name)
    return value if value and ours not in value else None


def _database(values: Environ, given: Environ, base: int) -> dict[str, str]:
    secret = values["QUIRE_LOCAL_OWNER_PASSWORD"]
    ours = f"postgresql+asyncpg://{OWNER}:{secret}@{address(base, Offset.POSTGRES)}/{DATABASE}"
    owner = _foreign("QUIRE_DATABASE_OWNER_URL", secret, given) or ours
    roles = {
        "QUIRE_DATABASE_API_URL": ("quire_api", values["QUIRE_LOCAL_API_PASSWORD"]),
        "QUIRE_DATABASE_ENGINE_URL": ("quire_engine", values["QUIRE_LOCAL_ENGINE_PASSWORD"]),
    }
    urls = {name: _foreign(name, role[1], given) or _as_role(owner, *role) for name, role in roles.items()}
    return {"QUIRE_DATABASE_OWNER_URL": owner, **urls}


def _as_role(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return parts._replace(scheme="postgresql+asyncpg", netloc=f"{user}:{quote(password)}@{server}").geturl()


def _broker(values: Environ, given: Environ, base: int) -> dict[str, str]:
    secret = values["QUIRE_LOCAL_AMQP_PASSWORD"]
    ours = f"amqp://quire:{secret}@{address(base, Offset.AMQP)}/"
    return {"QUIRE_AMQP_URL": _foreign("QUIRE_AMQP_URL", secret, given) or ours}


def _store(values: Environ, given: Environ, base: int) -> dict[str, str]:
    access = values["QUIRE_LOCAL_S3_ACCESS_KEY"]
    if not given.get("QUIRE_S3_ENDPOINT") or given.get("QUIRE_S3_ACCESS_KEY") == access:
        endpoint, secret = f"http://{address(base, Offset.S3)}", values["QUIRE_LOCAL_S3_SECRET_KEY"]
        return _s3(endpoint, access, secret, BUCKET, REGION)
    if not (given.get("QUIRE_S3_ACCESS_KEY") and given.get("QUIRE_S3_SECRET_KEY")):
        raise StackError("QUIRE_S3_ENDPOINT is given: give QUIRE_S3_ACCESS_KEY and QUIRE_S3_SECRET_KEY as well")
    keys = (given["QUIRE_S3_ACCESS_KEY"], given["QUIRE_S3_SECRET_KEY"])
    bucket, region = given.get("QUIRE_S3_BUCKET") or BUCKET, given.get("QUIRE_S3_REGION") or REGION
    return _s3(given["QUIRE_S3_ENDPOINT"], *keys, bucket, region)


def _s3(endpoint: str, access: str, secret: str, bucket: str, region: str) -> dict[str, str]:
    return {
        "QUIRE_S3_ENDPOINT": endpoint,
        "QUIRE_S3_ACCESS_KEY": access,
        "QUIRE_S3_SECRET_KEY": secret,
        "QUIRE_S3_BUCKET": bucket,
        "QUIRE_S3_REGION": region,
    }


def _doors(base: int, http_port: int) -> dict[str, str]:
    batch, uploads = address(base, Offset.BATCH), address(base, Offset.GATEWAY_GRPC)
    pages = f"127.0.0.1:{http_port}"
    return {
        "QUIRE_BATCH_LISTEN": batch,
        "QUIRE_BATCH_ADDRESS": batch,
        "QUIRE_GATEWAY_HTTP_LISTEN": pages,
        "QUIRE_GATEWAY_GRPC_LISTEN": uploads,
        "QUIRE_GATEWAY_INSECURE_COOKIES": "true",  # browsers keep no secure cookie of plain http
        "QUIRE_GATEWAY_URL": f"http://{pages}",
        "QUIRE_EXTRACTOR_LISTEN": address(base, Offset.EXTRACTOR),
        "QUIRE_ENDPOINT": batch,
        "QUIRE_UPLOAD_ENDPOINT": uploads,
    }


def _api_key(values: Environ, stored: Environ, given: Environ) -> dict[str, str]:
    # A key lives in one database: with another one, another key is made.
    place = values["QUIRE_DATABASE_OWNER_URL"] if is_external("postgres", values) else "ours"
    note = {"QUIRE_LOCAL_KEY_PLACE": place}
    key = given.get("QUIRE_API_KEY") if place != "ours" else None
    if stored.get("QUIRE_LOCAL_KEY_PLACE") == place:
        key = key or stored.get("QUIRE_API_KEY")
    return note | ({"QUIRE_API_KEY": key} if key else {})
