"""The program of a parser child: `python -I -m extractor.parse.child PARENT_PID`.

Reads requests on its standard input and writes answers to its standard output, one document at a time. The parser
libraries are imported, and the walls raised, before the first document comes.
"""

import gc
import math
import os
import resource
import sys
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source
from extractor.parse.walls import raise_walls
from extractor.parse.wire import LENGTH_BYTES, Answer, Ready, Request, frame, request_of, source_path


def main() -> None:
    """Answer until the worker closes the pipe, or until an answer says it is the last."""
    requests, answers = _channel()
    walls = raise_walls(parent=int(sys.argv[1]))
    gc.collect()
    gc.freeze()
    _send(answers, Ready(walls))
    for request in _requests(requests):
        answer = _answer(request)
        _send(answers, answer)
        if answer.is_last:
            return


def _channel() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, moved out of the way of libraries that print."""
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    os.close(0)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _requests(stream: BinaryIO) -> Iterator[Request]:
    while len(length := stream.read(LENGTH_BYTES)) == LENGTH_BYTES:
        yield request_of(stream.read(int.from_bytes(length, "big")))


def _send(stream: BinaryIO, message: Ready | Answer) -> None:
    stream.write(frame(message))
    stream.flush()


def _answer(request: Request) -> Answer:
    """Whatever a parser does to itself ends in an answer here, or in the death of this process."""
    document: ParsedDocument | None = None
    fault: DocumentFault | None = None
    try:
        with _bounded(request.limits):
            document = parse(Source(request.name, source_path(request)), request.limits)
    except DocumentFault as found:
        fault = found
    except MemoryError:
        fault = DocumentFault(FailureCode.RESOURCE_LIMIT, "reading the file takes more memory than allowed")
    except BaseException:  # noqa: BLE001 - the outermost loop; panics of Rust parsers are not even Exceptions
        traceback.print_exc()
        fault = DocumentFault(FailureCode.PARSER_CRASH, "the parser stopped at an error of its own")
    is_last = fault is not None and fault.code in {FailureCode.RESOURCE_LIMIT, FailureCode.PARSER_CRASH}
    return Answer(document, fault, is_last, _resident_bytes())


@contextmanager
def _bounded(limits: ParseLimits) -> Generator[None]:
    """CPU time is counted over the life of a process, so its bound moves on with each document."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _set_soft(resource.RLIMIT_CPU, math.ceil(used) + limits.cpu_seconds)
    _set_soft(resource.RLIMIT_AS, limits.memory_bytes)
    try:
        yield
    finally:
        _set_soft(resource.RLIMIT_AS, resource.RLIM_INFINITY)
        _set_soft(resource.RLIMIT_CPU, resource.RLIM_INFINITY)


def _set_soft(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    is_within = hard == resource.RLIM_INFINITY or (value != resource.RLIM_INFINITY and value <= hard)
    resource.setrlimit(kind, (value if is_within else hard, hard))


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - pathlib would decode what int() takes as it is
        return int(statm.read().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
