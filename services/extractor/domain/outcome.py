"""What an attempt can come to: a closed set, acted on in one place."""

from dataclasses import dataclass
from enum import IntEnum

from chassis.failures import FailureCode
from extractor.domain.extraction import Usage
from extractor.domain.usage import NO_USAGE


class Stage(IntEnum):
    """What an attempt is doing; numbered as quire.batch.v1.Stage, and within an attempt it only grows."""

    FETCH = 1
    PARSE = 2
    EXTRACT = 3
    VALIDATE = 4
    STORE = 5


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A result is stored."""

    result_key: str
    sha256: str
    """Of the result, 64 hex digits."""
    size_bytes: int
    pages: int
    media_type: str
    ungrounded_fields: int
    usage: Usage = NO_USAGE
    """Nothing when an earlier attempt's result was found."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It ended without a result for a reason of the document, the model or a cancel."""

    code: FailureCode
    message: str
    phase: Stage
    usage: Usage = NO_USAGE
    pages: int = 0
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """The document is given back: nothing is wrong with it, and no budget is spent."""

    code: FailureCode | None
    """None when the worker drains."""
    message: str
    retry_after: float = 0.0
    """Seconds."""
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Revoked:
    """The lease is another's by now: nobody wants to hear of this attempt."""


Attempted = Succeeded | Failed | Released
"""What the batch service is told of."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The job is another's, was withdrawn, or was dealt with before: nothing ran."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The job cannot be understood by anybody; it belongs among the dead letters."""

    reason: str


@dataclass(frozen=True, slots=True)
class Untouched:
    """The worker drains and never claimed the job: the broker gives it to another."""


Outcome = Attempted | Revoked | Gone | Unreadable | Untouched
