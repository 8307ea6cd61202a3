"""A whole submission: announces in order and uploads in parallel meanwhile; every call can be repeated."""

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid5

from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire.batch.v1.document_pb2 import Document
from quire_client.errors import DocumentRefusedError, InvalidError, RefusedError
from quire_client.sources import Source
from quire_client.uploading import Sent

ANNOUNCED_AT_ONCE = 1_000
ANNOUNCED_BYTES = 256 * 1024 * 1024
PARALLEL_UPLOADS = 8

_PLACE = re.compile(r"documents\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a submission is."""

    files: int
    bytes: int
    """Of all files."""
    announced: int = 0
    """Files."""
    uploaded: int = 0
    """Files."""
    bytes_sent: int = 0
    """Falls when a broken upload starts again."""


class Door(Protocol):
    """What a submission needs of the client."""

    async def add_documents(
        self, batch_id: str, documents: Iterable[DocumentAnnouncement], *, request_id: str
    ) -> Sequence[Document]:
        """Announce documents of the draft."""
        ...

    async def upload(
        self, batch_id: str, document_id: str, content: Path | bytes, *, sha256: str, on_bytes: Sent
    ) -> Document:
        """Upload one of them."""
        ...


def derived_id(request_id: str, step: str) -> str:
    """Name a step of a submission: the same submission names it the same, so that repeating it changes nothing."""
    return str(uuid5(UUID(request_id), step))


def in_chunks(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    """Cut into runs of what one call may announce; a run of large files is cut early so that uploading starts early."""
    start, weight = 0, 0
    for position, source in enumerate(sources):
        if position > start and (position - start == ANNOUNCED_AT_ONCE or weight + source.size > ANNOUNCED_BYTES):
            yield sources[start:position]
            start, weight = position, 0
        weight += source.size
    yield sources[start:]


class Submission:
    """Announces and uploads the files of one draft."""

    def __init__(
        self,
        door: Door,
        batch_id: str,
        request_id: str,
        stored: Collection[str] = (),
        on_progress: Callable[[Progress], None] | None = None,
        on_refused: Callable[[DocumentRefusedError], None] | None = None,
    ) -> None:
        self._door = door
        self._batch_id = batch_id
        self._request_id = request_id
        self._stored = stored
        self._on_progress = on_progress
        self._on_refused = on_refused
        self._announced: asyncio.Queue[tuple[Document, _Described] | None] = asyncio.Queue(2 * ANNOUNCED_AT_ONCE)
        self._progress = Progress(0, 0)

    async def run(self, sources: Sequence[Source]) -> None:
        """Bring every file to the server, or every one it takes when refusals are listened to.

        Raises:
            DocumentRefusedError: the server will not have one of them and nobody listens.
            CallError: anything else it said.
        """
        self._report(files=len(sources), bytes=sum(source.size for source in sources))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce(sources))
                for _ in range(PARALLEL_UPLOADS):
                    group.create_task(self._upload())
        except BaseExceptionGroup as failures:
            raise _first(failures) from failures

    async def _announce(self, sources: Sequence[Source]) -> None:
        position = 0
        for chunk in in_chunks(sources):
            await self._announce_chunk(await asyncio.to_thread(_describe, chunk), position)
            position += len(chunk)
        for _ in range(PARALLEL_UPLOADS):
            await self._announced.put(None)

    async def _announce_chunk(self, chunk: "Sequence[_Described]", position: int) -> None:
        while chunk:
            announcements = [announcement for _, announcement in chunk]
            request_id = derived_id(self._request_id, f"documents:{position}:{len(chunk)}")
            try:
                documents = await self._door.add_documents(self._batch_id, announcements, request_id=request_id)
            except InvalidError as error:
                chunk = self._without_refused(chunk, error)
                continue
            self._report(announced=self._progress.announced + len(chunk))
            for pair in zip(documents, chunk, strict=True):
                await self._announced.put(pair)
            return

    def _without_refused(self, chunk: "Sequence[_Described]", error: InvalidError) -> "Sequence[_Described]":
        faults = _faults(error, [announcement for _, announcement in chunk])
        if not faults:
            raise error
        for place, fault in faults.items():
            self._leave_out(chunk[place][0], DocumentRefusedError(chunk[place][0].name, error, fault))
        return [described for place, described in enumerate(chunk) if place not in faults]

    async def _upload(self) -> None:
        while announced := await self._announced.get():
            document, (source, announcement) = announced
            if document.id in self._stored:
                self._sent(source.size)
            elif not await self._send(document, source, announcement.sha256):
                continue
            self._report(uploaded=self._progress.uploaded + 1)

    async def _send(self, document: Document, source: Source, sha256: str) -> bool:
        try:
            await self._door.upload(self._batch_id, document.id, source.origin, sha256=sha256, on_bytes=self._sent)
        except RefusedError as error:
            if error.reason.startswith("BATCH_"):
                raise
            self._leave_out(source, DocumentRefusedError(source.name, error, *error.facts.violations.values()))
            return False
        return True

    def _leave_out(self, source: Source, refusal: DocumentRefusedError) -> None:
        if not self._on_refused:
            raise refusal from refusal.cause
        self._on_refused(refusal)
        self._report(files=self._progress.files - 1, bytes=self._progress.bytes - source.size)

    def _sent(self, size: int) -> None:
        self._report(bytes_sent=self._progress.bytes_sent + size)

    def _report(self, **changes: int) -> None:
        self._progress = replace(self._progress, **changes)
        if self._on_progress:
            self._on_progress(self._progress)


_Described = tuple[Source, DocumentAnnouncement]


def _describe(chunk: Sequence[Source]) -> list[_Described]:
    return [(source, source.announcement()) for source in chunk]


def _faults(error: InvalidError, chunk: Sequence[DocumentAnnouncement]) -> dict[int, str]:
    told = error.facts.metadata
    if told.get("limit") == "bytes_per_document":
        most = int(told["maximum"])
        return {place: error.message for place, one in enumerate(chunk) if one.size_bytes > most}
    places = ((_PLACE.search(field), fault) for field, fault in error.facts.violations.items())
    return {int(place[1]): fault for place, fault in places if place and int(place[1]) < len(chunk)}


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure  # pyright: ignore[reportUnknownArgumentType]
