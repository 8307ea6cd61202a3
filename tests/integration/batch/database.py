"""The database as its owner sees it, whom no wall stops."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self, cast

import asyncpg


class Database:
    """One connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect by a URL of the settings."""
        connect = cast("Any", asyncpg).connect  # the library tells no types
        return cls(await connect(url.replace("+asyncpg", ""), timeout=5))

    async def rows(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        return [dict(found) for found in await self._connection.fetch(sql, *values)]

    async def value(self, sql: str, *values: Any) -> Any:
        """The first value of the first row."""
        return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> None:
        await self._connection.execute(sql, *values)

    async def close(self) -> None:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError):
            await self._connection.close(timeout=5)
