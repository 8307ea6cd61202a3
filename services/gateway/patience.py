"""How long a caller may keep an upload waiting: a stall ends it, and so does a trickle."""

import asyncio
from collections.abc import AsyncIterator

from grpc import StatusCode

from chassis.errors import CallError
from chassis.failures import FailureCode

STALL_SECONDS = 30.0
LEAST_BYTES_PER_SECOND = 1024


async def patient(chunks: AsyncIterator[bytes], stall_seconds: float = STALL_SECONDS) -> AsyncIterator[bytes]:
    """Pass chunks on; only time spent waiting for the caller counts.

    Raises:
        CallError: DEADLINE_EXCEEDED with UPLOAD_INCOMPLETE: nothing came for `stall_seconds`, or too little over all.
    """
    clock = asyncio.get_running_loop().time
    waited, allowed = 0.0, stall_seconds
    while True:
        started = clock()
        try:
            async with asyncio.timeout(min(stall_seconds, allowed - waited)):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise _stalled() from error
        if chunk is None:
            return
        waited += clock() - started
        allowed += len(chunk) / LEAST_BYTES_PER_SECOND
        yield chunk


def _stalled() -> CallError:
    message = "the bytes stopped coming, or came too slowly; send it again from the start"
    return CallError(StatusCode.DEADLINE_EXCEEDED, FailureCode.UPLOAD_INCOMPLETE, message)
