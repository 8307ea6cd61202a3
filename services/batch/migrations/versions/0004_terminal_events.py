"""Terminal events are kept for as long as the broker's log would, so that a lost log is told them again (ADR 9)."""

from alembic import op

revision = "0004"
down_revision = "0003"

TERMINAL_EVENTS = """
CREATE TABLE terminal_events (
    event_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    event_type text NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)"""
TENANT = "NULLIF(current_setting('quire.tenant', true), '')::uuid"
STATEMENTS = (
    TERMINAL_EVENTS,
    "CREATE INDEX terminal_events_by_age ON terminal_events (created_at)",
    "CREATE INDEX terminal_events_of_batch ON terminal_events (batch_id)",
    "ALTER TABLE terminal_events ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE terminal_events FORCE ROW LEVEL SECURITY",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON terminal_events TO quire_api, quire_engine",
    f"""CREATE POLICY one_tenant ON terminal_events TO quire_api
        USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})""",
    "CREATE POLICY every_tenant ON terminal_events TO quire_engine USING (true) WITH CHECK (true)",
)


def upgrade() -> None:
    """Add the table; events of before are not in it."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Not offered: a schema with documents in it is never dropped by a program."""
    raise NotImplementedError("restore a backup instead")
