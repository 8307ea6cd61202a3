"""Statements about dead letters: messages no consumer could read, kept as rows (ADR 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from batch.store.database import Tx, columns, execute, json_text, row, rows


@dataclass(frozen=True, slots=True)
class NewDeadLetter:
    """A dead letter to keep."""

    id: UUID
    message_id: str
    digest: bytes
    """Of what tells two messages apart; with the message id it makes a repeated delivery known."""
    queue: str
    reason: str
    exchange: str
    """Where it was published; empty when that cannot be told."""
    routing_key: str
    headers: Mapping[str, Any]
    body: bytes
    document_id: UUID | None
    explanation: str
    dead_at: datetime


async def add(tx: Tx, letter: NewDeadLetter) -> bool:
    """Keep a letter; whether it is new."""
    statement = """
        INSERT INTO dead_letters (id, message_id, digest, queue, reason, exchange, routing_key, headers, body,
                                  document_id, explanation, dead_at)
        VALUES (:id, :message_id, :digest, :queue, :reason, :exchange, :routing_key, CAST(:headers AS jsonb), :body,
                :document_id, :explanation, :dead_at)
        ON CONFLICT (message_id, digest) DO NOTHING RETURNING id"""
    found = await row(
        tx,
        statement,
        id=letter.id,
        message_id=letter.message_id,
        digest=letter.digest,
        queue=letter.queue,
        reason=letter.reason,
        exchange=letter.exchange,
        routing_key=letter.routing_key,
        headers=json_text(letter.headers),
        body=letter.body,
        document_id=letter.document_id,
        explanation=letter.explanation,
        dead_at=letter.dead_at,
    )
    return found is not None


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A row of dead_letters, as operators see it and as it can be replayed."""

    id: UUID
    queue: str
    reason: str
    exchange: str
    routing_key: str
    headers: dict[str, Any]
    body: bytes
    document_id: UUID | None
    explanation: str
    dead_at: datetime


_LETTER = "id, queue, reason, exchange, routing_key, headers, body, document_id, explanation, dead_at"


async def list_page(tx: Tx, after: UUID, limit: int) -> list[DeadLetterRow]:
    """Read a page of letters that were not replayed, in the order they were first seen."""
    statement = f"""
        SELECT {_LETTER} FROM dead_letters WHERE id > :after AND replayed_at IS NULL ORDER BY id LIMIT :limit"""
    return [DeadLetterRow(**columns(one)) for one in await rows(tx, statement, after=after, limit=limit)]


async def to_replay(tx: Tx, ids: Sequence[UUID]) -> list[DeadLetterRow]:
    """Read those of some letters that were not replayed and whose place is known."""
    statement = f"""
        SELECT {_LETTER} FROM dead_letters
         WHERE id = ANY(:ids) AND replayed_at IS NULL AND exchange <> '' ORDER BY id"""
    return [DeadLetterRow(**columns(one)) for one in await rows(tx, statement, ids=list(ids))]


async def mark_replayed(tx: Tx, ids: Sequence[UUID]) -> None:
    """Note that letters are at their queues again."""
    statement = "UPDATE dead_letters SET replayed_at = coalesce(replayed_at, now()) WHERE id = ANY(:ids)"
    await execute(tx, statement, ids=list(ids))
