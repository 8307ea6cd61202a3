"""How counters move: only when a document's status moves, and in the same statement.

A statement that moves documents ends its CTEs with one called `moved`, whose rows say for each document: `batch_id`,
`was` and `status` (NULL for a document that did not exist before, or does not afterwards), and how much `pages`,
`bytes`, `input_tokens`, `output_tokens` and `cost_micros` it adds. COUNT_MOVED turns them into the batch's counters,
raises `version` by one and answers the batch. The caller holds the batch's lock (DESIGN §3.7).
"""

from batch.domain.status import DocumentStatus
from batch.store.rows import BATCH

_COLUMNS = {status: status.value.lower() for status in DocumentStatus}


def _delta(status: DocumentStatus) -> str:
    into = f"count(*) FILTER (WHERE status = '{status}')"
    out_of = f"count(*) FILTER (WHERE was = '{status}')"
    return f"{into} - {out_of} AS {_COLUMNS[status]}"


_SUMS = ("pages", "bytes", "input_tokens", "output_tokens", "cost_micros")

COUNT_MOVED = f"""
delta AS (
    SELECT batch_id,
           count(status) - count(was) AS total_documents,
           {", ".join(_delta(status) for status in DocumentStatus)},
           {", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in _SUMS)}
      FROM moved
     GROUP BY batch_id
)
UPDATE batch_processes b
   SET total_documents = b.total_documents + delta.total_documents,
       {", ".join(f"{column} = b.{column} + delta.{column}" for column in _COLUMNS.values())},
       {", ".join(f"{name} = b.{name} + delta.{name}" for name in _SUMS)},
       version = b.version + 1,
       updated_at = now(),
       last_progress_at = now()
  FROM delta
 WHERE b.id = delta.batch_id
RETURNING {BATCH}
"""
NOTHING_SPENT = "0 AS pages, 0 AS bytes, 0 AS input_tokens, 0 AS output_tokens, 0 AS cost_micros"
