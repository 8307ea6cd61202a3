"""Free ports for one stack: a block of neighbours, below the range from which the kernel gives out its own."""

import errno
import random
import socket
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum

from deploy.local.failures import StackError

HOST = "127.0.0.1"
FIRST, LAST, BLOCK = 20_000, 32_000, 24


class Offset(IntEnum):
    """Which port of the block is whose. GUARD is held by a starting `up`, so that two never pick the same block."""

    GUARD = 0
    POSTGRES = 1
    AMQP = 2
    EPMD = 3
    ERLANG = 4
    S3 = 5
    S3_SECOND = 6
    MASTER = 7
    MASTER_GRPC = 8
    VOLUME = 9
    VOLUME_GRPC = 10
    FILER = 11
    FILER_GRPC = 12
    BATCH = 13
    GATEWAY_GRPC = 14
    GATEWAY_HTTP = 15
    EXTRACTOR = 16


def address(base: int, offset: Offset) -> str:
    """The address of one port of the block that begins at `base`."""
    return f"{HOST}:{base + offset}"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    try:
        _listen(port).close()
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        return False
    return True


@contextmanager
def reserved(wanted: int | None, *, occupied_by_us: bool) -> Generator[int]:
    """Holds a block while a stack starts in it: the wanted one when it is free, else another.

    `occupied_by_us` says that parts of this stack run already; then the block stays as it is.
    """
    bases = [] if wanted is None else [wanted]
    guard = _guard(wanted) if wanted is not None and occupied_by_us else _first_free([*bases, *_shuffled()])
    with guard:
        yield int(guard.getsockname()[1])


def _shuffled() -> list[int]:
    bases = range(FIRST, LAST - BLOCK, BLOCK)
    return random.sample(bases, len(bases))


def _first_free(bases: list[int]) -> socket.socket:
    for base in bases:
        try:
            guard = _listen(base)
        except OSError:
            continue
        if all(is_free(base + offset) for offset in Offset if offset is not Offset.GUARD):
            return guard
        guard.close()
    raise StackError(f"no {BLOCK} free neighbouring ports between {FIRST} and {LAST} on {HOST}")


def _guard(base: int) -> socket.socket:
    try:
        return _listen(base)
    except OSError as error:
        raise StackError(f"port {base}, which guards this stack's ports, is taken: `down` first, then `up`") from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        # As servers do: a port on which only finished connections linger is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
