"""Statements of the outbox: an event is written with the change it tells of and removed once the broker confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from batch.store.database import Tx, columns, execute, rows


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to publish once its transaction has committed."""

    tenant_id: UUID
    batch_id: UUID
    event_id: UUID
    event_type: str
    """E.g. `batch.completed.v1`."""
    routing_key: str
    body: bytes


async def add(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Write events beside the change they tell of."""
    for event in events:
        await execute(tx, _insert_into("outbox"), **_values(event))


async def keep(tx: Tx, events: Sequence[NewEvent]) -> None:
    """Keep terminal events after the broker has confirmed them: it may yet lose its log (ADR 9)."""
    for event in events:
        await execute(tx, _insert_into("terminal_events") + " ON CONFLICT (event_id) DO NOTHING", **_values(event))


async def add_kept(tx: Tx) -> int:
    """Write every terminal event that is kept once more, as it was; answers how many."""
    statement = """
        INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body, created_at)
        SELECT tenant_id, batch_id, event_id, event_type, routing_key, body, created_at
          FROM terminal_events ORDER BY created_at"""
    return await execute(tx, statement)


async def forget_kept(tx: Tx, older_than_days: int) -> None:
    """Remove terminal events that the broker's log would not hold any more."""
    statement = "DELETE FROM terminal_events WHERE created_at < now() - make_interval(days => :days)"
    await execute(tx, statement, days=older_than_days)


def _insert_into(table: str) -> str:
    return f"""
        INSERT INTO {table} (tenant_id, batch_id, event_id, event_type, routing_key, body)
        VALUES (:tenant, :batch, :event, :type, :key, :body)"""


def _values(event: NewEvent) -> dict[str, Any]:
    return {
        "tenant": event.tenant_id,
        "batch": event.batch_id,
        "event": event.event_id,
        "type": event.event_type,
        "key": event.routing_key,
        "body": event.body,
    }


@dataclass(frozen=True, slots=True)
class Unpublished:
    """An event the broker has not confirmed yet."""

    id: int
    batch_id: UUID
    event_id: UUID
    event_type: str
    routing_key: str
    body: bytes
    created_at: datetime
    nacks: int
    """How often a broker that was there did not take it."""


async def take(tx: Tx, limit: int, claim_seconds: float) -> list[Unpublished]:
    """Claim events for a while, in order; whoever fails to confirm them lets the claim run out."""
    statement = """
        UPDATE outbox o SET claimed_until = clock_timestamp() + make_interval(secs => :seconds)
         WHERE o.id IN (SELECT id FROM outbox WHERE claimed_until < clock_timestamp()
                         ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING o.id, o.batch_id, o.event_id, o.event_type, o.routing_key, o.body, o.created_at, o.nacks"""
    found = await rows(tx, statement, limit=limit, seconds=claim_seconds)
    return sorted((Unpublished(**columns(one)) for one in found), key=lambda one: one.id)


async def confirmed(tx: Tx, ids: Sequence[int]) -> None:
    """Remove events the broker confirmed."""
    await execute(tx, "DELETE FROM outbox WHERE id = ANY(:ids)", ids=list(ids))


async def give_back(tx: Tx, ids: Sequence[int], delay_seconds: float) -> None:
    """Let events be taken again after a while that the broker was not there for."""
    statement = """
        UPDATE outbox SET claimed_until = clock_timestamp() + make_interval(secs => :seconds) WHERE id = ANY(:ids)"""
    await execute(tx, statement, ids=list(ids), seconds=delay_seconds)


async def refused(tx: Tx, ids: Sequence[int], delay_seconds: float) -> None:
    """Let events be taken again after a while that the broker did not take, and count that."""
    statement = """
        UPDATE outbox SET nacks = nacks + 1, claimed_until = clock_timestamp() + make_interval(secs => :seconds)
         WHERE id = ANY(:ids)"""
    await execute(tx, statement, ids=list(ids), seconds=delay_seconds)
