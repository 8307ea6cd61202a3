"""One finished batch as rows: a document that succeeded, one that failed, and one that still runs in another batch."""

TENANT, OTHER_TENANT = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000002"
BATCH, OPEN_BATCH = "20000000-0000-4000-8000-000000000001", "20000000-0000-4000-8000-000000000002"
SUCCEEDED, FAILED = "30000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000002"
RUNNING = "30000000-0000-4000-8000-000000000003"
TOKEN = "40000000-0000-4000-8000-00000000000"
TERMINAL = "50000000-0000-4000-8000-000000000001"

FORGET = """
TRUNCATE tenants, documents, document_attempts, outbox, uploads, workers, document_moves, idempotency_records,
         usage_by_month CASCADE
"""
_LIMITS = (
    '{"documents_per_batch": 50, "bytes_per_document": 1000, "pages_per_document": 20, "open_batches": 3,'
    ' "documents_in_flight": 5}'
)


def sound_rows() -> str:
    """Statements that make them; nothing in them is broken."""
    return f"""
INSERT INTO tenants (id, name, tier) VALUES ('{TENANT}', 'ann', 'PLUS'), ('{OTHER_TENANT}', 'bob', 'PLUS');
INSERT INTO usage_by_month (tenant_id, month, documents) VALUES ('{TENANT}', '2026-01-01', 3);
INSERT INTO batch_processes (id, tenant_id, user_id, name, description, extraction_prompt, tier, limits, status,
    total_documents, succeeded, failed, processing, pages, input_tokens, version, emitted_version, sequence,
    terminal_event_id, created_at, sealed_at, started_at, completed_at, updated_at, purge_at)
VALUES ('{BATCH}', '{TENANT}', 'u', 'n', '', 'p', 'PLUS', '{_LIMITS}', 'COMPLETED_WITH_ERRORS',
        2, 1, 1, 0, 3, 70, 9, 9, 4, '{TERMINAL}', now() - interval '9 s', now() - interval '8 s',
        now() - interval '7 s', now() - interval '1 s', now() - interval '1 s', now() + interval '1 day'),
       ('{OPEN_BATCH}', '{TENANT}', 'u', 'n', '', 'p', 'PLUS', '{_LIMITS}', 'PROCESSING',
        1, 0, 0, 1, 0, 0, 5, 5, 2, NULL, now() - interval '9 s', now() - interval '8 s',
        now() - interval '7 s', NULL, now() - interval '1 s', NULL);
INSERT INTO documents (id, batch_id, tenant_id, position, name, size_bytes, sha256, object_key, status, attempt,
    failures, pages_total, pages_done, input_tokens, result_key, error_code, changed_version, dispatch_id, lease_token,
    lease_until, created_at, uploaded_at, started_at, finished_at)
VALUES ('{SUCCEEDED}', '{BATCH}', '{TENANT}', 1, 'a.txt', 10, 'aa', 'u/1', 'SUCCEEDED', 1, 0, 2, 2, 40, 'r/1', NULL, 8,
        NULL, NULL, NULL, now() - interval '9 s', now() - interval '8 s', now() - interval '7 s', now()),
       ('{FAILED}', '{BATCH}', '{TENANT}', 2, 'b.txt', 10, 'bb', 'u/2', 'FAILED', 2, 1, 1, 0, 30, NULL, 'FILE_CORRUPT',
        9, NULL, NULL, NULL, now() - interval '9 s', now() - interval '8 s', now() - interval '7 s', now()),
       ('{RUNNING}', '{OPEN_BATCH}', '{TENANT}', 1, 'c.txt', 10, 'cc', 'u/3', 'PROCESSING', 1, 0, 0, 0, 0, NULL, NULL,
        5, gen_random_uuid(), '{TOKEN}4', clock_timestamp() + interval '20 s', now() - interval '9 s',
        now() - interval '8 s', now() - interval '7 s', NULL);
INSERT INTO document_attempts (document_id, attempt, tenant_id, batch_id, retry_generation, worker, lease_token,
    claimed_at, outcome, input_tokens)
VALUES ('{SUCCEEDED}', 1, '{TENANT}', '{BATCH}', 0, 'w', '{TOKEN}1', now() - interval '7 s', 'succeeded', 40),
       ('{FAILED}', 1, '{TENANT}', '{BATCH}', 0, 'w', '{TOKEN}2', now() - interval '7 s', 'released', 10),
       ('{FAILED}', 2, '{TENANT}', '{BATCH}', 0, 'w', '{TOKEN}3', now() - interval '6 s', 'failed', 20),
       ('{RUNNING}', 1, '{TENANT}', '{OPEN_BATCH}', 0, 'w', '{TOKEN}4', now() - interval '7 s', '', 0);
"""
