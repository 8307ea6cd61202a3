"""asyncpg as the benchmark uses it; the library's own types leave its arguments unknown."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, cast

import asyncpg


class Database(Protocol):
    """A connection."""

    async def execute(self, query: str, *values: object) -> str:
        """Run statements."""
        ...

    async def executemany(self, query: str, values: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once for each row of values."""
        ...

    async def fetchval(self, query: str, *values: object) -> Any:
        """The first column of the first row."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A transaction for a block."""
        ...


class Pool(Protocol):
    """Connections."""

    def acquire(self) -> AbstractAsyncContextManager[Database]:
        """One of them for a block."""
        ...


@asynccontextmanager
async def open_database(url: str) -> AsyncGenerator[Database]:
    """Connect to a SQLAlchemy address."""
    connection = await cast("Any", asyncpg).connect(_plain(url))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def open_pool(url: str, connections: int) -> AsyncGenerator[Pool]:
    """Open a pool to a SQLAlchemy address."""
    async with cast("Any", asyncpg).create_pool(_plain(url), max_size=connections) as pool:
        yield pool


def _plain(url: str) -> str:
    return url.replace("+asyncpg", "")
