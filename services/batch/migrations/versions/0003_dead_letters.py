"""Dead letters as rows, and how often the broker did not take an event (ADR 8).

Dead letters belong to no tenant: what no consumer could read may name any, or none.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

DEAD_LETTERS = """
CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    message_id text NOT NULL,
    digest bytea NOT NULL,
    queue text NOT NULL,
    reason text NOT NULL,
    exchange text NOT NULL,
    routing_key text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    document_id uuid,
    explanation text NOT NULL,
    dead_at timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz,
    UNIQUE (message_id, digest)
)"""


def upgrade() -> None:
    """Add the table for the engine doors and operators, and the count."""
    op.execute(DEAD_LETTERS)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO quire_engine")
    op.execute("ALTER TABLE outbox ADD COLUMN nacks int NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Not offered: a schema with documents in it is never dropped by a program."""
    raise NotImplementedError("restore a backup instead")
