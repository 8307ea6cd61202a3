"""Every name on the broker, in one place; every process declares what it publishes to or consumes (DESIGN §7)."""

from dataclasses import dataclass, field
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

EXTRACT_JOB = "document.extract.v1"
DOCUMENT_PROGRESSED = "document.progressed.v1"
DOCUMENT_EXTRACTED = "document.extracted.v1"
DOCUMENT_FAILED = "document.failed.v1"
DOCUMENT_RELEASED = "document.released.v1"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A named exchange; durable."""

    name: str
    kind: ExchangeType


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and the binding that fills it."""

    name: str
    exchange: Exchange
    binding: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_stream(self) -> bool:
        """Whether it keeps what it was told, to be read from any offset."""
        return self.arguments.get("x-queue-type") == "stream"

    @property
    def has_leader_to_ask(self) -> bool:
        """Whether it answers `basic.get`, which a stream does not."""
        return self.arguments.get("x-queue-type") == "quorum"


DEAD = Exchange("quire.dead", ExchangeType.FANOUT)
JOBS = Exchange("quire.jobs", ExchangeType.DIRECT)
PROGRESS = Exchange("quire.progress", ExchangeType.TOPIC)
EVENTS = Exchange("quire.events", ExchangeType.TOPIC)

# The delivery limit is a fuse, not a retry counter: retries live in PostgreSQL.
_QUORUM: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-delivery-limit": 1000,
    "x-dead-letter-exchange": DEAD.name,
}

DEAD_LETTERS = Queue("quire.dead.letters", DEAD, "", {"x-queue-type": "quorum"})
JOBS_EXTRACT = Queue("quire.jobs.extract", JOBS, EXTRACT_JOB, _QUORUM)
PROGRESS_FOLD = Queue("quire.progress.fold", PROGRESS, "document.*.v1", _QUORUM)
EVENTS_LOG = Queue(
    "quire.events.log",
    EVENTS,
    "#",
    {
        "x-queue-type": "stream",
        "x-max-age": "7D",
        "x-max-length-bytes": 5_000_000_000,
        "x-stream-max-segment-size-bytes": 20_000_000,
    },
)

QUEUES = (DEAD_LETTERS, JOBS_EXTRACT, PROGRESS_FOLD, EVENTS_LOG)


async def declare(channel: AbstractChannel, *queues: Queue) -> None:
    """Declare queues with their exchanges and bindings, and the dead-letter queue they lean on. Idempotent.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: one exists with other arguments; give it a new name.
    """
    for queue in {queue.name: queue for queue in (DEAD_LETTERS, *queues)}.values():
        await _declare(channel, queue)


async def _declare(channel: AbstractChannel, queue: Queue) -> None:
    exchange = await channel.declare_exchange(queue.exchange.name, queue.exchange.kind, durable=True)
    declared = await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
    await declared.bind(exchange, queue.binding)
