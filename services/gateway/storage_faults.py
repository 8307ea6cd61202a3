"""What a fault of the object store means to a caller."""

from grpc import StatusCode

from chassis.blobs import BlobFault, BlobFull
from chassis.errors import CallError
from chassis.failures import FailureCode
from chassis.logs import get_logger

log = get_logger()

RETRY_SECONDS = 5.0


def storage_error(fault: BlobFault) -> CallError:
    """UNAVAILABLE with STORAGE_FULL or STORAGE_UNAVAILABLE; what the store said stays in the log."""
    log.warning("store_failed", fault=str(fault))
    if isinstance(fault, BlobFull):
        message = "the object store has no space left; an operator must free some, then send it again"
        return CallError(StatusCode.UNAVAILABLE, FailureCode.STORAGE_FULL, message, retry_after=60.0)
    message = "the object store does not answer; send it again"
    return CallError(StatusCode.UNAVAILABLE, FailureCode.STORAGE_UNAVAILABLE, message, retry_after=RETRY_SECONDS)
