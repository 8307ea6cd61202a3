"""Runs migrations one process at a time, giving up instead of stalling live traffic."""

from alembic import context
from sqlalchemy import Connection, text

MIGRATION_LOCK = 7_235_193


def run(connection: Connection) -> None:
    """Migrate on a connection handed over by `batch.migrate`."""
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        context.run_migrations()


run(context.config.attributes["connection"])
