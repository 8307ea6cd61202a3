"""I35: the files of the database are sound, as far as its page checksums and `amcheck` can tell."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from tests.chaos.checker.ground import Ground
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import Violation
from tests.integration.batch.database import Database

_CHECKED = """
SELECT c.oid, c.oid::regclass::text AS name, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relpersistence = 'p'
   AND (c.relkind = 'r' OR c.relkind = 'i' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree'))
"""
_CHECKSUMS = "SELECT coalesce(sum(checksum_failures), 0)::int FROM pg_stat_database"
_DAMAGE = {
    "r": "SELECT string_agg(msg, '; ') FROM (SELECT msg FROM verify_heapam($1::oid) LIMIT 3) m",
    "i": "SELECT bt_index_check($1::oid, true)::text",
}


async def violations(ground: Ground, database: Database) -> list[Violation]:
    """Every table and index of ours that is damaged, and how many pages were read damaged."""
    failures = await database.value(_CHECKSUMS)
    damaged = [Violation("I35", OTHER, "pages", f"{failures} checksums do not fit")] if failures else []
    return damaged + await _checked(ground, database)


async def _checked(ground: Ground, database: Database) -> list[Violation]:
    if not await database.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'"):
        ground.notes.append("I35 not looked at: the server has no amcheck")
        return []
    await database.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    found = [(row["name"], await _damage(database, row)) for row in await database.rows(_CHECKED)]
    return [Violation("I35", OTHER, name, damage) for name, damage in found if damage]


async def _damage(database: Database, row: Mapping[str, Any]) -> str:
    try:
        return await database.value(_DAMAGE[row["relkind"].decode()], row["oid"]) or ""
    except asyncpg.DataCorruptedError as error:  # how bt_index_check tells
        return str(error)
