"""First schema: tenants, batches, documents, attempts, outbox and what stands beside them (DESIGN §5).

Statuses are TEXT with a CHECK, so that a new one is a new constraint and not a rewritten type. A batch's counters are
held to their sum by a CHECK. Every tenant-owned table has forced row-level security.
"""

from alembic import op

revision = "0001"
down_revision = None

BATCH_STATUSES = (
    "'PENDING','QUEUED','PROCESSING','CANCELLING','COMPLETED','COMPLETED_WITH_ERRORS','FAILED','CANCELLED','EXPIRED'"
)
DOCUMENT_STATUSES = (
    "'PENDING_UPLOAD','UPLOADED','QUEUED','PROCESSING','RETRY_WAIT','SUCCEEDED','FAILED','CANCELLED','EXPIRED'"
)

TABLES = f"""
CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    tier text NOT NULL CHECK (tier IN ('FREE','PLUS','GROWTH','ENTERPRISE')),
    limit_overrides jsonb NOT NULL DEFAULT '{{}}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id text NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL UNIQUE,
    key_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);

CREATE TABLE batch_processes (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    user_id text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    extraction_prompt text NOT NULL,
    output_schema text,
    options jsonb NOT NULL DEFAULT '{{}}',
    tier text NOT NULL,
    limits jsonb NOT NULL,
    source_batch_id uuid,
    status text NOT NULL DEFAULT 'PENDING' CHECK (status IN ({BATCH_STATUSES})),
    holds text[] NOT NULL DEFAULT '{{}}',
    document_ids uuid[],
    error text,
    total_documents int NOT NULL DEFAULT 0,
    pending_upload int NOT NULL DEFAULT 0,
    uploaded int NOT NULL DEFAULT 0,
    queued int NOT NULL DEFAULT 0,
    processing int NOT NULL DEFAULT 0,
    retry_wait int NOT NULL DEFAULT 0,
    succeeded int NOT NULL DEFAULT 0,
    failed int NOT NULL DEFAULT 0,
    cancelled int NOT NULL DEFAULT 0,
    expired int NOT NULL DEFAULT 0,
    processed_documents int GENERATED ALWAYS AS (succeeded + failed + cancelled + expired) STORED,
    pages bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    emitted_version bigint NOT NULL DEFAULT 0,
    emitted_at timestamptz NOT NULL DEFAULT now(),
    sequence bigint NOT NULL DEFAULT 0,
    retry_generation int NOT NULL DEFAULT 0,
    terminal_event_id uuid UNIQUE,
    cancel_requested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    sealed_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    deadline_at timestamptz,
    draft_expired_at timestamptz,
    last_progress_at timestamptz,
    purge_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT counters_add_up CHECK (
        total_documents = pending_upload + uploaded + queued + processing + retry_wait
                        + succeeded + failed + cancelled + expired
        AND least(pending_upload, uploaded, queued, processing, retry_wait, succeeded, failed, cancelled, expired) >= 0
    )
);
CREATE INDEX batches_of_tenant ON batch_processes (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX batches_open ON batch_processes (tenant_id)
    WHERE status IN ('PENDING','QUEUED','PROCESSING','CANCELLING');
CREATE INDEX batches_waiting ON batch_processes (sealed_at)
    WHERE status IN ('QUEUED','PROCESSING') AND queued + retry_wait > 0;
CREATE INDEX batches_to_emit ON batch_processes (emitted_at) WHERE version > emitted_version AND completed_at IS NULL;

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    batch_id uuid NOT NULL REFERENCES batch_processes,
    tenant_id uuid NOT NULL,
    position int NOT NULL,
    name text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL DEFAULT '',
    expected_sha256 text NOT NULL DEFAULT '',
    media_type text NOT NULL DEFAULT '',
    object_key text,
    status text NOT NULL DEFAULT 'PENDING_UPLOAD' CHECK (status IN ({DOCUMENT_STATUSES})),
    stage text NOT NULL DEFAULT '',
    pages_done int NOT NULL DEFAULT 0,
    pages_total int NOT NULL DEFAULT 0,
    attempt int NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    losses int NOT NULL DEFAULT 0,
    retry_generation int NOT NULL DEFAULT 0,
    dispatch_id uuid,
    dispatched_at timestamptz,
    lease_token uuid,
    lease_worker text,
    lease_until timestamptz,
    job_deadline_at timestamptz,
    next_attempt_at timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    error_code text,
    error_message text,
    error_phase text,
    retry_after_seconds real,
    result_key text,
    result_sha256 text,
    result_size_bytes bigint,
    ungrounded_fields int NOT NULL DEFAULT 0,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,
    duplicate_of uuid,
    changed_version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    uploaded_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE (batch_id, position),
    CONSTRAINT result_if_and_only_if_succeeded CHECK ((result_key IS NOT NULL) = (status = 'SUCCEEDED'))
);
CREATE INDEX documents_waiting ON documents (batch_id, position)
    WHERE status IN ('QUEUED','RETRY_WAIT') AND dispatch_id IS NULL;
CREATE INDEX documents_in_flight ON documents (tenant_id, status, dispatched_at) WHERE dispatch_id IS NOT NULL;
CREATE INDEX documents_running ON documents (lease_worker) WHERE status = 'PROCESSING';
CREATE INDEX documents_changed ON documents (batch_id, changed_version, position);
CREATE INDEX documents_failed ON documents (batch_id, error_code) WHERE status = 'FAILED';
CREATE INDEX documents_same_bytes ON documents (batch_id, sha256) WHERE sha256 <> '';

CREATE TABLE uploads (
    object_key text PRIMARY KEY,
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    document_id uuid NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_by_age ON uploads (begun_at);

CREATE TABLE document_attempts (
    document_id uuid NOT NULL,
    attempt int NOT NULL,
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    retry_generation int NOT NULL,
    worker text NOT NULL,
    lease_token uuid NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('','succeeded','failed','released','lost','cancelled')),
    reported boolean NOT NULL DEFAULT false,
    error_code text,
    error_message text,
    error_phase text,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (document_id, attempt)
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    routing_key text NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX outbox_of_batch ON outbox (batch_id);

CREATE TABLE idempotency_records (
    tenant_id uuid NOT NULL,
    method text NOT NULL,
    request_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    response bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, method, request_id)
);
CREATE INDEX idempotency_by_age ON idempotency_records (created_at);

CREATE TABLE usage_by_month (
    tenant_id uuid NOT NULL,
    month date NOT NULL,
    documents bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, month)
);

CREATE TABLE workers (
    id text PRIMARY KEY,
    session uuid NOT NULL,
    slots int NOT NULL,
    engine text NOT NULL,
    model text NOT NULL,
    provider_key text NOT NULL,
    accepting boolean NOT NULL DEFAULT true,
    attached_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    detached_at timestamptz
);

CREATE TABLE exports (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    batch_id uuid NOT NULL REFERENCES batch_processes,
    format text NOT NULL,
    status text NOT NULL DEFAULT 'QUEUED' CHECK (status IN ('QUEUED','PROCESSING','SUCCEEDED','FAILED')),
    object_key text,
    size_bytes bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants,
    url text NOT NULL,
    event_types text[] NOT NULL DEFAULT '{{}}',
    secret_sealed bytea NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id uuid NOT NULL,
    attempt int NOT NULL DEFAULT 0,
    response_code int NOT NULL DEFAULT 0,
    attempted_at timestamptz,
    next_attempt_at timestamptz
);
"""

TENANT_OWNED = (
    "api_keys",
    "batch_processes",
    "documents",
    "uploads",
    "document_attempts",
    "outbox",
    "idempotency_records",
    "usage_by_month",
    "exports",
    "webhooks",
    "webhook_deliveries",
)
ENGINE_ONLY = ("workers",)


def upgrade() -> None:
    """Create everything, then let the two service roles at it."""
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    _guard("tenants", "id")
    for table in TENANT_OWNED:
        _guard(table, "tenant_id")
    for table in ENGINE_ONLY:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO quire_engine")


def _guard(table: str, tenant_column: str) -> None:
    tenant = "NULLIF(current_setting('quire.tenant', true), '')::uuid"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO quire_api, quire_engine")
    op.execute(
        f"CREATE POLICY one_tenant ON {table} TO quire_api "
        f"USING ({tenant_column} = {tenant}) WITH CHECK ({tenant_column} = {tenant})"
    )
    op.execute(f"CREATE POLICY every_tenant ON {table} TO quire_engine USING (true) WITH CHECK (true)")


def downgrade() -> None:
    """Not offered: a schema with documents in it is never dropped by a program."""
    raise NotImplementedError("restore a backup instead")
