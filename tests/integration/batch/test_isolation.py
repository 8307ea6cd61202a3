"""The second wall: a role that sees the rows of the tenant named in its transaction, and no others."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from uuid import UUID

import pytest
from asyncpg.exceptions import InsufficientPrivilegeError
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from batch.settings import BatchSettings
from batch.store import database as store
from batch.store.database import Tx
from tests.integration.batch.database import Database
from tests.integration.batch.tenants import Tenant, an_id
from tests.integration.batch.world import World

OF_NO_TENANT = {"workers", "dead_letters", "alembic_version", "document_moves"}
"""The last one is the tests' own. Whatever else there is belongs to tenants, or a wall is missing."""
FILLED = {
    "tenants", "api_keys", "batch_processes", "documents", "uploads", "terminal_events",
    "idempotency_records", "usage_by_month",
}  # fmt: skip
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
TABLES = """
SELECT c.relname AS name, c.relkind = 'r' AS is_table, c.relrowsecurity AND c.relforcerowsecurity AS walled,
       (SELECT array_agg(p.qual || ' / ' || p.with_check) FROM pg_policies p
         WHERE p.tablename = c.relname AND ('quire_api' = ANY(p.roles) OR 'public' = ANY(p.roles))) AS policies
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"""


class DeliberateError(Exception):
    """What goes wrong in a transaction of a test."""


def fail_if(wanted: bool) -> None:
    if wanted:
        raise DeliberateError


async def tables_of_tenants(world: World) -> Mapping[str, str]:
    """Every table of tenants, by the catalogue, with the column that names its tenant."""
    found = {row["name"] for row in await world.database.rows(TABLES)} - OF_NO_TENANT
    return {name: "id" if name == "tenants" else "tenant_id" for name in sorted(found)}


@pytest.fixture
async def api(world: World) -> AsyncIterator[Database]:
    """A session of the role that serves tenants."""
    session = await Database.connect(world.servers["QUIRE_DATABASE_API_URL"])
    yield session
    await session.close()


async def full(world: World) -> Tenant:
    """A tenant with rows wherever the service writes some."""
    tenant = await world.tenant()
    await tenant.cancel((await tenant.sealed(2, request_id=an_id())).id)
    await tenant.begin((await tenant.announce((await tenant.create()).id))[0])
    return tenant


async def test_the_services_roles_are_neither_owners_nor_above_the_wall(world: World) -> None:
    roles = await world.database.rows("SELECT * FROM pg_roles WHERE rolname IN ('quire_api', 'quire_engine')")
    assert len(roles) == 2
    for role in roles:
        above = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
        assert [name for name in above if role[name]] == []
    members = "SELECT count(*) FROM pg_auth_members WHERE member IN ('quire_api'::regrole, 'quire_engine'::regrole)"
    assert await world.ask(members) == 0
    owned = "SELECT count(*) FROM pg_class WHERE relowner IN ('quire_api'::regrole, 'quire_engine'::regrole)"
    assert await world.ask(owned) == 0


async def test_every_table_is_walled_by_the_tenant_of_the_transaction_or_closed_to_tenants(world: World) -> None:
    for table in await world.database.rows(TABLES):
        name, column = table["name"], "id" if table["name"] == "tenants" else "tenant_id"
        if name in OF_NO_TENANT - {"document_moves"}:
            for right in RIGHTS:
                assert not await world.ask("SELECT has_table_privilege('quire_api', $1, $2)", name, right), name
        elif name not in OF_NO_TENANT:
            assert table["is_table"], f"{name} is no table: who reads through it?"
            assert table["walled"], f"{name} has no forced row-level security"
            own = f"({column} = (NULLIF(current_setting('quire.tenant'::text, true), ''::text))::uuid)"
            assert table["policies"] == [f"{own} / {own}"], name


async def test_no_function_lets_a_tenant_past_the_wall(world: World) -> None:
    above = await world.database.rows(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )
    assert {row["proname"] for row in above} == {"note_move"}, "the audit of these tests is the only one"


async def test_the_api_role_sees_nothing_without_a_tenant(world: World, api: Database) -> None:
    await full(world)
    tables = await tables_of_tenants(world)
    filled = {name for name in tables if await world.ask(f"SELECT count(*) FROM {name}")}
    assert filled >= FILLED
    for setting in (None, "", an_id()):
        if setting is not None:
            await api.execute(f"SET quire.tenant = '{setting}'")
        assert {name: await api.value(f"SELECT count(*) FROM {name}") for name in tables} == dict.fromkeys(tables, 0)


async def test_the_api_role_sees_and_changes_the_rows_of_one_tenant(world: World, api: Database) -> None:
    ann, bob = await full(world), await full(world)
    await api.execute(f"SET quire.tenant = '{ann.id}'")
    for name, column in (await tables_of_tenants(world)).items():
        owners = await api.value(f"SELECT array_agg(DISTINCT {column}::text) FROM {name}")
        assert owners == ([ann.id] if name in FILLED else owners or None), name
        assert set(owners or ()) <= {ann.id}, name
    await api.execute("UPDATE documents SET name = 'taken'")
    assert await world.ask("SELECT count(*) FROM documents WHERE name = 'taken' AND tenant_id = $1", ann.id) == 3
    assert await world.ask("SELECT count(*) FROM documents WHERE name = 'taken' AND tenant_id <> $1", ann.id) == 0
    for stolen in (
        f"INSERT INTO usage_by_month (tenant_id, month, documents) VALUES ('{bob.id}', '2026-01-01', 1)",
        f"UPDATE documents SET tenant_id = '{bob.id}'",
        "UPDATE tenants SET tier = 'ENTERPRISE'",
        "UPDATE tenants SET limit_overrides = '{}'",
        "DELETE FROM tenants",
        "SET ROLE quire_engine",
    ):
        with pytest.raises(InsufficientPrivilegeError):
            await api.execute(stolen)


class Pool:
    """The service's own way to the database, with few connections, so that each is used again and again."""

    def __init__(self, world: World, connections: int) -> None:
        fields = {name.removeprefix("QUIRE_").lower(): value for name, value in world.servers.items()}
        changes = {"batch_listen": "127.0.0.1:0", "database_pool": str(connections)}
        self.database = store.Database(BatchSettings.model_validate({**fields, **changes}))

    async def seen_without_tenant(self) -> int:
        """How many rows the next user of a connection sees who names no tenant."""
        bare: AsyncEngine = getattr(self.database, "_api")  # noqa: B009 - no door has it without a tenant
        async with bare.connect() as connection:
            return (await connection.execute(text("SELECT count(*) FROM batch_processes"))).scalar_one()


@pytest.fixture
async def pool(world: World) -> AsyncIterator[Pool]:
    opened = Pool(world, 1)
    yield opened
    await opened.database.close()


async def seen(tx: Tx) -> set[UUID]:
    return set((await tx.execute(text("SELECT DISTINCT tenant_id FROM batch_processes"))).scalars())


async def test_a_connection_that_is_used_again_remembers_no_tenant(world: World, pool: Pool) -> None:
    ann, bob = UUID((await full(world)).id), UUID((await full(world)).id)
    async with pool.database.tenant(ann) as tx:
        assert await seen(tx) == {ann}
    assert await pool.seen_without_tenant() == 0
    with pytest.raises(DeliberateError):
        async with pool.database.tenant(ann):
            raise DeliberateError
    assert await pool.seen_without_tenant() == 0
    with pytest.raises(ProgrammingError):
        async with pool.database.tenant(ann) as tx:
            await tx.execute(text("SELECT * FROM nowhere"))
    assert await pool.seen_without_tenant() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), pool.database.tenant(ann) as tx:
            await tx.execute(text("SELECT pg_sleep(30)"))
    assert await pool.seen_without_tenant() == 0
    async with pool.database.tenant(bob) as tx:
        assert await seen(tx) == {bob}


async def test_a_crowd_on_few_connections_never_sees_another_tenant(world: World) -> None:
    tenants, pool = [UUID((await full(world)).id) for _ in range(4)], Pool(world, 2)
    dice = random.Random(4711)

    async def look(tenant_id: UUID, fate: float) -> None:
        try:
            async with asyncio.timeout(0.001 if fate < 0.2 else 60), pool.database.tenant(tenant_id) as tx:
                assert await seen(tx) == {tenant_id}
                fail_if(fate > 0.8)
        except (TimeoutError, DeliberateError):
            pass

    try:
        for _ in range(20):
            await asyncio.gather(*(look(dice.choice(tenants), dice.random()) for _ in range(10)))
        assert await pool.seen_without_tenant() == 0
    finally:
        await pool.database.close()


async def test_a_tenant_that_floods_leaves_connections_to_the_others(world: World) -> None:
    ann, bob = UUID((await full(world)).id), UUID((await full(world)).id)
    pool, inside, leave = Pool(world, 4), asyncio.Semaphore(0), asyncio.Event()

    async def stay() -> None:
        async with pool.database.tenant(ann) as tx:
            await seen(tx)
            inside.release()
            await leave.wait()

    try:
        flood = [asyncio.create_task(stay()) for _ in range(20)]
        for _ in range(2):
            await inside.acquire()
        async with pool.database.tenant(bob) as tx:
            assert await seen(tx) == {bob}
        assert inside.locked(), "a third one got in"
        leave.set()
        await asyncio.gather(*flood)
    finally:
        await pool.database.close()
