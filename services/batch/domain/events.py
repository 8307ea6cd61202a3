"""What happens to an attempt, as past-tense facts: from its worker, or from the rescuer."""

from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

from chassis.failures import FailureCode


class Stage(IntEnum):
    """What an attempt is doing, in order; the numbers of quire.batch.v1.Stage."""

    NONE = 0
    FETCH = 1
    PARSE = 2
    EXTRACT = 3
    VALIDATE = 4
    STORE = 5


@dataclass(frozen=True, slots=True)
class Spent:
    """What an attempt cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0


@dataclass(frozen=True, slots=True)
class Ref:
    """The attempt an event speaks of."""

    document_id: UUID
    attempt: int
    lease_token: UUID
    retry_generation: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """An attempt moved on."""

    ref: Ref
    stage: Stage
    pages_done: int = 0
    pages_total: int = 0
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Extracted:
    """A result is stored."""

    ref: Ref
    result_key: str
    result_sha256: str
    result_size_bytes: int
    pages: int
    media_type: str
    ungrounded_fields: int = 0
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt ended without a result."""

    ref: Ref
    code: FailureCode
    message: str
    phase: Stage
    pages: int = 0
    media_type: str = ""
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Released:
    """A worker gave a document back; no budget is spent."""

    ref: Ref
    code: FailureCode | None
    message: str
    retry_after: float
    """Seconds."""
    spent: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Lost:
    """The rescuer took a document back from a worker that is gone."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The rescuer took a document back from an attempt that outlived its job deadline."""

    ref: Ref


Event = Progressed | Extracted | Failed | Released | Lost | TimedOut
