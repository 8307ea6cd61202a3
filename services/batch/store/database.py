"""Connections and transactions: one pool that sees one tenant at a time, one for the engine doors.

No session state is used, so PgBouncer in transaction mode works. A commit is never cancelled half way.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from asyncpg.exceptions import PostgresConnectionError, PostgresError, QueryCanceledError
from pydantic import SecretStr
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from batch.settings import BatchSettings
from chassis.errors import CallError, unavailable
from chassis.failpoints import Point, reach
from chassis.logs import get_logger

log = get_logger()

AWAITED_SECONDS = 1.0
POOL_SECONDS = 2.0
"""How long a call waits for a connection before it answers UNAVAILABLE."""

Tx = AsyncConnection
"""An open transaction."""

_SERVER_SETTINGS = {
    "application_name": "quire",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "10000",
}
_TRANSIENT_STATES = ("08", "40", "53", "57", "55P03", "25006")


def _open(url: SecretStr, settings: BatchSettings) -> AsyncEngine:
    arguments: dict[str, Any] = {"timeout": 3, "command_timeout": 10, "server_settings": _SERVER_SETTINGS}
    if settings.pgbouncer:
        arguments |= {"server_settings": {}, "statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return create_async_engine(
        url.get_secret_value(),
        pool_size=settings.database_pool,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_recycle=600,
        connect_args=arguments,
    )


class _Shares:
    """How many connections one tenant may hold at once, so that its flood leaves some to the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, tenant_id: UUID) -> AsyncGenerator[None]:
        share = self._of.setdefault(tenant_id, asyncio.Semaphore(self._most))
        async with asyncio.timeout(POOL_SECONDS):
            await share.acquire()
        try:
            yield
        finally:
            share.release()


class Database:
    """The two pools."""

    def __init__(self, settings: BatchSettings) -> None:
        self._shares = _Shares(max(1, settings.database_pool // 2))
        self._api = _open(settings.database_api_url, settings)
        self._engine = _open(settings.database_engine_url, settings)

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncGenerator[Tx]:
        """Open a transaction that sees one tenant's rows only; a tenant has half of the pool at most."""
        async with self._shares.one(tenant_id), _transaction(self._api) as tx:
            await tx.execute(_SET_TENANT, {"tenant": str(tenant_id)})
            yield tx
            await reach(Point.B1)
        await reach(Point.B2)

    @asynccontextmanager
    async def engine(self) -> AsyncGenerator[Tx]:
        """Open a transaction for the engine doors, worker calls and operators."""
        async with _transaction(self._engine) as tx:
            yield tx

    async def wait_until_migrated(self) -> None:
        """Return once the database answers and has this schema; services start in any order."""
        while True:
            try:
                async with self.engine() as tx:
                    await tx.execute(text("SELECT 1 FROM terminal_events LIMIT 1"))
            except (DBAPIError, OSError, TimeoutError, PostgresError) as error:
                log.warning("database_awaited", error=repr(error.__cause__ or error))
                await asyncio.sleep(AWAITED_SECONDS)
            else:
                return

    async def close(self) -> None:
        """Close both pools."""
        await self._api.dispose()
        await self._engine.dispose()


"""What only the newest migration brings."""
_SET_TENANT = text("SELECT set_config('quire.tenant', :tenant, true)")


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncGenerator[Tx]:
    connection = await engine.connect()
    try:
        yield connection
    except BaseException:
        await _to_the_end(connection.close())
        raise
    await _to_the_end(_commit(connection))


async def _commit(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    finally:
        await connection.close()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish a piece of work even if the caller is cancelled meanwhile; the caller learns of it afterwards."""
    job = asyncio.create_task(work)
    try:
        await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.wait([job])
        _ = job.cancelled() or job.exception()
        raise


_prepared = lru_cache(maxsize=512)(text)


async def rows(tx: Tx, statement: str, **parameters: Any) -> Sequence[Row[Any]]:
    """Run a statement and answer all its rows."""
    return (await tx.execute(_prepared(statement), parameters)).all()


async def row(tx: Tx, statement: str, **parameters: Any) -> Row[Any] | None:
    """Run a statement and answer its only row, if there is one."""
    return (await tx.execute(_prepared(statement), parameters)).one_or_none()


async def execute(tx: Tx, statement: str, **parameters: Any) -> int:
    """Run a statement and answer how many rows it touched."""
    return (await tx.execute(_prepared(statement), parameters)).rowcount


def columns(found: Row[Any]) -> Mapping[str, Any]:
    """A row by column name."""
    return found._asdict()  # pyright: ignore[reportPrivateUsage] - the underscore only keeps column names free


def json_text(value: object) -> str:
    """A set of records as one parameter, read again by jsonb_to_recordset; the driver's own UUIDs are spelled out."""
    return orjson.dumps(value, default=str).decode()


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: the database is away, busy or broke a deadlock."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout | OperationalError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig.__cause__ if error.orig else None
    state = str(getattr(cause, "sqlstate", "") or "")
    known = isinstance(cause, PostgresConnectionError | QueryCanceledError | OSError | TimeoutError)
    return known or error.connection_invalidated or state.startswith(_TRANSIENT_STATES)


def translate(error: BaseException) -> CallError | None:
    """Say UNAVAILABLE for a database that is away or busy."""
    return unavailable("the database") if is_transient(error) else None
