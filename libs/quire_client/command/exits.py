"""What the exit code tells a script."""

from enum import IntEnum

from quire.batch.v1.batch_pb2 import BATCH_STATUS_COMPLETED, Batch
from quire_client.errors import (
    AccessError,
    ConfigurationError,
    DocumentRefusedError,
    FaultError,
    NotFoundError,
    NothingToSubmitError,
    QuireError,
    RefusedError,
    UnavailableError,
)


class Exit(IntEnum):
    """Exit codes; docs/cli.md lists them."""

    OK = 0
    ENDED_BADLY = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    DENIED = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "all well",
    Exit.ENDED_BADLY: "not all went well: errors, failed, cancelled, expired (watch, submit --wait), files left out",
    Exit.USAGE: "wrong use: an argument, a missing setting, a file that cannot be read",
    Exit.NOT_FOUND: "no such batch or document",
    Exit.REFUSED: "refused: invalid, wrong state, a tier or a limit",
    Exit.DENIED: "no valid API key, or not one for this call",
    Exit.UNAVAILABLE: "Quire does not answer or has a fault; nothing accepted is lost",
    Exit.INTERRUPTED: "interrupted; what was submitted goes on",
}


class CommandError(QuireError):
    """The command itself found the fault."""

    def __init__(self, message: str, way_out: str, exit_code: Exit) -> None:
        super().__init__(message, way_out)
        self.exit_code = exit_code


_EXITS: tuple[tuple[type[QuireError], Exit], ...] = (
    (ConfigurationError, Exit.USAGE),
    (NothingToSubmitError, Exit.USAGE),
    (NotFoundError, Exit.NOT_FOUND),
    (DocumentRefusedError, Exit.REFUSED),
    (RefusedError, Exit.REFUSED),
    (AccessError, Exit.DENIED),
    (UnavailableError, Exit.UNAVAILABLE),
    (FaultError, Exit.UNAVAILABLE),
)


def exit_for(error: QuireError) -> Exit:
    """The exit code of a failure."""
    if isinstance(error, CommandError):
        return error.exit_code
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.UNAVAILABLE)


def exit_of(batch: Batch) -> Exit:
    """The exit code of a batch that is final."""
    return Exit.OK if batch.status == BATCH_STATUS_COMPLETED else Exit.ENDED_BADLY
