"""Statements about what a tenant has used: in the last minute, and month by month."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from batch.store.database import Tx, columns, rows

_THIS_MONTH = "date_trunc('month', now() AT TIME ZONE 'UTC')"
_HISTORY = f"""
WITH months AS (
    SELECT m::date AS month
      FROM generate_series({_THIS_MONTH} - make_interval(months => :months - 1), {_THIS_MONTH}, interval '1 month') m
     WHERE m >= (SELECT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM tenants WHERE id = :tenant)
), spent AS (
    SELECT date_trunc('month', sealed_at AT TIME ZONE 'UTC')::date AS month, sum(pages) AS pages,
           sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_micros) AS cost_micros
      FROM batch_processes WHERE tenant_id = :tenant AND sealed_at IS NOT NULL GROUP BY 1
)
SELECT to_char(month, 'YYYY-MM-DD') AS month, coalesce(documents, 0)::bigint AS documents,
       coalesce(pages, 0)::bigint AS pages, coalesce(input_tokens, 0)::bigint AS input_tokens,
       coalesce(output_tokens, 0)::bigint AS output_tokens, coalesce(cost_micros, 0)::bigint AS cost_micros
  FROM months LEFT JOIN spent USING (month)
  LEFT JOIN (SELECT month, documents FROM usage_by_month WHERE tenant_id = :tenant) sealed USING (month)
 ORDER BY month DESC
"""


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month, by its first day; what documents cost counts in the month their batch was sealed."""

    month: str
    documents: int
    pages: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


async def history(tx: Tx, tenant_id: UUID, months: int) -> list[MonthRow]:
    """Read so many months, newest first; none from before the tenant was there."""
    return [MonthRow(**columns(one)) for one in await rows(tx, _HISTORY, tenant=tenant_id, months=months)]


@dataclass(frozen=True, slots=True)
class Creates:
    """The batches a tenant created in the last 60 seconds, deleted ones too."""

    count: int
    frees_at: datetime | None
    """When fewer than the allowed number will be left; None while they are."""
    frees_in_seconds: float | None


_CREATES = """
WITH recent AS (
    SELECT count(*)::int AS n, array_agg(created_at ORDER BY created_at) AS moments FROM batch_processes
     WHERE tenant_id = :tenant AND created_at > now() - interval '60 seconds'
), freed AS (
    SELECT n, moments[n - CAST(:allowed AS int) + 1] + interval '60 seconds' AS frees_at FROM recent
)
SELECT n, frees_at, CAST(extract(epoch FROM frees_at - clock_timestamp()) AS float8) AS frees_in_seconds FROM freed
"""


async def created_last_minute(tx: Tx, tenant_id: UUID, allowed: int) -> Creates:
    """Count the creates of the last 60 seconds; exact among all who hold the tenant's lock, in whatever replica."""
    return Creates(*(await rows(tx, _CREATES, tenant=tenant_id, allowed=allowed))[0])
