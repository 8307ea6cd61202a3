"""What a run writes down while it goes on, and the checker reads when it is over.

All moments are seconds of the runner's monotonic clock; all ids are strings as the API writes them.
"""

import time
from collections import Counter
from dataclasses import dataclass, field


def moment() -> float:
    """Now."""
    return time.monotonic()


@dataclass
class Document:
    """A document as its client knows it."""

    id: str
    batch_id: str
    name: str
    sha256: str
    """Of the bytes the client sent."""
    mark: str
    """A word that stands in these bytes, in no other document, and in the one field a result must have."""
    readable: bool = True
    """False for a file that must end FAILED."""
    accepted: bool = False
    """Whether an upload was answered with success."""


@dataclass
class Batch:
    """A batch as its client knows it."""

    id: str
    tenant: str
    """Name of the tenant; its canary is `canary_of(tenant)`."""
    sealed: bool = False
    """Whether a seal was answered with success."""
    cancel_answered: float | None = None
    """When a cancel of the whole batch was first answered with success."""
    cancelled_documents: dict[str, float] = field(default_factory=dict[str, float])
    """Documents whose cancel was answered, and when."""
    retried: int = 0
    """Retries answered with success."""
    deleted: bool = False
    documents: dict[str, Document] = field(default_factory=dict[str, Document])


@dataclass
class ClientLog:
    """What clients asked and were told."""

    batches: dict[str, Batch] = field(default_factory=dict[str, Batch])
    answers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """By request id: every id that was answered for it; more than one is a lie."""
    refusals: Counter[str] = field(default_factory=Counter[str])
    """By `<gRPC code or HTTP status> <reason>`."""


@dataclass(frozen=True)
class Seen:
    """One batch event as a subscriber got it."""

    at: float
    event_id: str
    event_type: str
    """E.g. `batch.completed.v1`."""
    tenant_id: str
    batch_id: str
    version: int
    sequence: int
    retry_generation: int
    status: str
    """Name of the batch status, e.g. `COMPLETED`."""


@dataclass
class SubscriberLog:
    """Every event in the order it came, repeats included."""

    seen: list[Seen] = field(default_factory=list[Seen])


@dataclass(frozen=True)
class Asked:
    """One call the scripted model took."""

    at: float
    mark: str
    """The document's mark; empty for a call that names none."""
    answer: str
    """`success`, or the name of the fault it answered with."""
    answered_at: float
    """When the whole answer had been written; infinite when the caller was gone before."""
    tenants: frozenset[str] = frozenset()
    """Canaries found in the prompt."""


@dataclass
class ModelLog:
    """Every call."""

    asked: list[Asked] = field(default_factory=list[Asked])


@dataclass(frozen=True)
class Faulted:
    """One fault, from its start to the moment everything was whole again."""

    number: int
    name: str
    target: str
    began: float
    healed: float
    running: frozenset[str] = frozenset()
    """Marks of the documents a killed or frozen worker was working on, where that is known."""


@dataclass
class FaultLog:
    """Every fault in the order it began."""

    faults: list[Faulted] = field(default_factory=list[Faulted])


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold."""

    invariant: str
    """E.g. `I10`."""
    kind: str
    """`lost`, `duplicated`, `wrong` or `other`: which number of the last line it counts for."""
    subject: str
    """The id of what it was seen on."""
    detail: str


@dataclass
class Records:
    """All of it."""

    client: ClientLog = field(default_factory=ClientLog)
    subscriber: SubscriberLog = field(default_factory=SubscriberLog)
    model: ModelLog = field(default_factory=ModelLog)
    faults: FaultLog = field(default_factory=FaultLog)


def canary_of(tenant: str) -> str:
    """A word that stands in every document, prompt and name of a tenant, and must be seen by nobody else."""
    return f"canary-{tenant}"
