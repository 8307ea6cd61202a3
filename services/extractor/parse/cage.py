"""Where documents are parsed: a few warm children that can be lost without harm."""

import asyncio
import os
import signal
from pathlib import Path

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import ParsedDocument
from extractor.parse.limits import MIB, ParseLimits
from extractor.parse.warm_child import ChildDied, WarmChild
from extractor.parse.wire import Answer, Request

_BOUND_BY_KERNEL = frozenset({signal.SIGXCPU, signal.SIGKILL})
_DAMAGED_HEAP = ("free()", "malloc", "corrupted", "double free", "stack smashing", "Fatal Python error")


class Cage:
    """At most `children` documents at once; more wait their turn. One event loop, one cage."""

    def __init__(
        self, children: int | None = None, *, documents_per_child: int = 500, resident_bytes: int = 256 * MIB
    ) -> None:
        """Children are replaced after so many documents, or when they keep more memory than that between two."""
        self._places = asyncio.Semaphore(children or os.cpu_count() or 1)
        self._size = children or os.cpu_count() or 1
        self._documents_per_child = documents_per_child
        self._resident_bytes = resident_bytes
        self._idle: list[WarmChild] = []
        self._busy: set[WarmChild] = set()
        self._burials: set[asyncio.Task[int]] = set()
        self._is_closed = False

    @property
    def pids(self) -> frozenset[int]:
        """The children there are now."""
        return frozenset(child.pid for child in (*self._idle, *self._busy) if child.is_alive)

    @property
    def idle_pids(self) -> frozenset[int]:
        """Those that wait for a document."""
        return frozenset(child.pid for child in self._idle)

    @property
    def walls(self) -> frozenset[str]:
        """The walls that stand around every idle child: `namespace`, `landlock`, `seccomp`."""
        return frozenset(wall for child in self._idle for wall in child.walls if self._all_have(wall))

    def _all_have(self, wall: str) -> bool:
        return all(wall in child.walls for child in self._idle)

    async def start(self) -> None:
        """Warm all children up, so that no document waits for it. Raises DocumentFault when none can be started."""
        children = [await self._take() for _ in range(self._size - len(self._idle))]
        for child in children:
            self._release(child)

    async def parse(self, path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
        """The pages of the file at `path`, which must stay there until then; `name` is what its owner calls it.

        Raises DocumentFault. When cancelled, the child is killed.
        """
        async with self._places:
            child = await self._take()
            try:
                answer = await self._answer(child, Request(str(path), name, limits))
            except BaseException:
                self._bury(child)
                raise
            self._settle(child, answer)
        return _document(answer)

    async def close(self) -> None:
        """End all children and wait until they are gone; documents under way fail as INTERNAL, to be retried."""
        self._is_closed = True
        for child in (*self._idle, *self._busy):
            self._bury(child)
        await asyncio.gather(*self._burials)

    async def _take(self) -> WarmChild:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                break
            self._bury(child)
        else:
            child = await _started()
        self._busy.add(child)
        if self._is_closed:
            self._bury(child)
        return child

    async def _answer(self, child: WarmChild, request: Request) -> Answer:
        try:
            async with asyncio.timeout(request.limits.wall_seconds):
                return await child.ask(request)
        except TimeoutError as error:
            raise DocumentFault(
                FailureCode.RESOURCE_LIMIT, f"reading the file takes more than {request.limits.wall_seconds:g} seconds"
            ) from error
        except ChildDied as death:
            raise _fault_of(death, is_closed=self._is_closed) from death

    def _settle(self, child: WarmChild, answer: Answer) -> None:
        is_worn = child.documents >= self._documents_per_child or answer.resident_bytes > self._resident_bytes
        if answer.is_last or is_worn or self._is_closed:
            self._bury(child)
        else:
            self._release(child)

    def _release(self, child: WarmChild) -> None:
        self._busy.discard(child)
        self._idle.append(child)

    def _bury(self, child: WarmChild) -> None:
        self._busy.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        child.kill()
        burial = asyncio.ensure_future(child.ended())
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)


async def _started() -> WarmChild:
    try:
        return await WarmChild.start()
    except (ChildDied, OSError) as error:
        raise DocumentFault(FailureCode.INTERNAL, "a parser process could not be started") from error


def _document(answer: Answer) -> ParsedDocument:
    if answer.document is None:
        raise answer.fault or DocumentFault(FailureCode.INTERNAL, "the parser gave an empty answer")
    return answer.document


def _fault_of(death: ChildDied, *, is_closed: bool) -> DocumentFault:
    """The kernel kills what exceeds its bounds; a library aborts when memory is refused or found damaged."""
    if is_closed:
        return DocumentFault(FailureCode.INTERNAL, "the worker stopped while it read the file")
    aborted = death.returncode == -signal.SIGABRT and not any(sign in death.last_words for sign in _DAMAGED_HEAP)
    if aborted or -death.returncode in _BOUND_BY_KERNEL:
        return DocumentFault(FailureCode.RESOURCE_LIMIT, "reading the file takes more memory or time than allowed")
    return DocumentFault(FailureCode.PARSER_CRASH, "the parser process died while it read the file")
