"""Statements of the outbox: an event is written with the change it tells of and removed once the broker confirmed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
    statement = """
        INSERT INTO outbox (tenant_id, batch_id, event_id, event_type, routing_key, body)
        VALUES (:tenant, :batch, :event, :type, :key, :body)"""
    for event in events:
        await execute(
            tx,
            statement,
            tenant=event.tenant_id,
            batch=event.batch_id,
            event=event.event_id,
            type=event.event_type,
            key=event.routing_key,
            body=event.body,
        )


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
