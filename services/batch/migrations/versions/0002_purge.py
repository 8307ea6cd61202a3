"""Purge: when contents were removed, when objects are swept next, which attempts' objects are collected (DESIGN §4)."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE batch_processes ADD COLUMN purged_at timestamptz, ADD COLUMN sweep_at timestamptz",
    "ALTER TABLE document_attempts ADD COLUMN collected boolean NOT NULL DEFAULT false",
    """CREATE INDEX batches_to_purge ON batch_processes (purge_at)
        WHERE purged_at IS NULL AND completed_at IS NOT NULL""",
    """CREATE INDEX batches_deleted ON batch_processes (deleted_at)
        WHERE purged_at IS NULL AND deleted_at IS NOT NULL""",
    "CREATE INDEX batches_to_sweep ON batch_processes (sweep_at) WHERE sweep_at IS NOT NULL",
    "CREATE INDEX batches_reused ON batch_processes (source_batch_id) WHERE source_batch_id IS NOT NULL",
    "CREATE INDEX attempts_to_collect ON document_attempts (claimed_at) WHERE NOT collected",
    "CREATE INDEX uploads_of_batch ON uploads (batch_id)",
)


def upgrade() -> None:
    """Add columns and indexes; what runs on the schema before knows nothing of them."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Not offered: a schema with documents in it is never dropped by a program."""
    raise NotImplementedError("restore a backup instead")
