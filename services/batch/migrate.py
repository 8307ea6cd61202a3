"""`python -m batch migrate`: makes the service roles if it may, then brings the schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from batch.settings import MigrateSettings

ROLES_LOCK = 7_235_194


class RolesMissing(Exception):
    """The service roles do not exist and the owner may not create them; create them as the message says."""


async def migrate(settings: MigrateSettings) -> None:
    """Bring the database of `settings` to the newest schema. Safe to run from many processes at once."""
    engine = create_async_engine(settings.database_owner_url.get_secret_value())
    roles = [make_url(url.get_secret_value()) for url in (settings.database_api_url, settings.database_engine_url)]
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_ensure_roles, roles)
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _ensure_roles(connection: Connection, roles: list[URL]) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ROLES_LOCK})
    for role in roles:
        _ensure_role(connection, role)


def _ensure_role(connection: Connection, role: URL) -> None:
    known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": role.username})
    if known.first():
        return
    quote = text("SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', CAST(:name AS text), CAST(:password AS text))")
    statement = connection.execute(quote, {"name": role.username, "password": role.password}).scalar_one()
    try:
        connection.execute(text(statement.replace(":", r"\:")))
    except ProgrammingError as error:
        raise RolesMissing(f"ask an administrator for: CREATE ROLE {role.username} LOGIN PASSWORD '…'") from error


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
