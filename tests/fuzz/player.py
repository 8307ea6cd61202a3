"""Plays commands on the real batch service and on the model, and compares what both say."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from chassis.errors import from_rpc_error
from quire.batch.v1.batch_pb2 import Batch, BatchStatus
from quire.batch.v1.batch_service_pb2 import RemoveDocumentRequest
from quire.batch.v1.document_pb2 import Document as DocumentMessage
from quire.batch.v1.document_pb2 import DocumentStatus
from tests.fuzz.model import Document, Model, Refused
from tests.integration.batch.database import Database
from tests.integration.batch.tenants import Tenant
from tests.integration.batch.workers import Attempt, Worker
from tests.waiting import until

UNKNOWN = "00000000-0000-7000-8000-000000000000"
Command = tuple[Any, ...]
"""A verb of the player, and what it is called with."""


@dataclass
class Hands:
    """A worker that holds what it claims until told how it ended."""

    claimed: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    """Running attempts by document."""
    counted: dict[str, int] = field(default_factory=dict[str, int])
    """Claims by batch."""
    _told: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    async def script(self, attempt: Attempt) -> None:
        claim, told = attempt.claim, asyncio.Event()
        self._told[claim.document_id] = told
        self.claimed[claim.document_id] = attempt
        self.counted[claim.batch_id] = self.counted.get(claim.batch_id, 0) + 1
        await told.wait()

    async def finish(self, document_id: str, outcome: str) -> None:
        attempt = self.claimed.pop(document_id)
        match outcome:
            case "SUCCEEDED":
                await attempt.extract()
            case "RELEASED":
                await attempt.release()
            case _:
                await attempt.fail(outcome)
        self._told.pop(document_id).set()


@dataclass
class Player:
    """One batch of a tenant's, and what it must be."""

    tenant: Tenant
    batch_id: str
    worker: Worker
    hands: Hands
    database: Database
    model: Model = field(default_factory=Model)

    async def play(self, commands: Sequence[Command]) -> None:
        """Play all, compare after each, and bring the batch to its end."""
        for verb, *arguments in commands:
            await getattr(self, verb)(*arguments)
            await self._settle()
        for one in self.model.documents:
            if one.status == "PROCESSING":
                await self._finish(one, "SUCCEEDED")
                await self._settle()

    async def add(self, count: int) -> None:
        added = list[DocumentMessage]()

        async def call() -> None:
            added.extend(await self.tenant.announce(self.batch_id, count))

        def expect() -> None:
            self.model.add([one.id for one in added])

        await self._compare(call, expect)

    async def upload(self, number: int, body: bytes) -> None:
        document = self._document(number)
        await self._compare(
            lambda: self.tenant.upload(self._message(document), body), lambda: self.model.upload(document, body)
        )

    async def remove(self, number: int) -> None:
        document = self._document(number)
        asked = RemoveDocumentRequest(batch_id=self.batch_id, document_id=document.id)
        batch = self.tenant.door.batch
        await self._compare(
            lambda: batch.RemoveDocument(asked, metadata=self.tenant.metadata), lambda: self.model.remove(document)
        )

    async def seal(self, drop_incomplete: bool) -> None:
        await self._compare(
            lambda: self.tenant.seal(self.batch_id, drop_incomplete=drop_incomplete),
            lambda: self.model.seal(drop_incomplete=drop_incomplete),
        )

    async def pause(self) -> None:
        await self._compare(lambda: self.tenant.pause(self.batch_id), self.model.pause)

    async def resume(self) -> None:
        await self._compare(lambda: self.tenant.resume(self.batch_id), self.model.resume)

    async def cancel(self) -> None:
        await self._compare(lambda: self.tenant.cancel(self.batch_id), self.model.cancel)

    async def delete(self) -> None:
        await self._compare(lambda: self.tenant.delete(self.batch_id), self.model.delete)

    async def cancel_documents(self, numbers: Sequence[int]) -> None:
        documents = [self._document(number) for number in numbers]
        answer = await self._compare(
            lambda: self.tenant.cancel_documents(self.batch_id, [one.id for one in documents]),
            lambda: self.model.cancel_documents(documents),
        )
        if answer:
            _same(answer[0].cancelled_count, answer[1])

    async def retry(self, numbers: Sequence[int], codes: list[str]) -> None:
        documents = [self._document(number) for number in numbers]
        answer = await self._compare(
            lambda: self.tenant.retry(self.batch_id, [one.id for one in documents], error_codes=codes),
            lambda: self.model.retry(documents, codes),
        )
        if answer:
            _same(answer[0].retried_count, answer[1])

    async def finish(self, number: int, outcome: str) -> None:
        running = [one for one in self.model.present if one.status == "PROCESSING"]
        if running:
            await self._finish(running[number % len(running)], outcome)

    async def _finish(self, document: Document, outcome: str) -> None:
        token = self.hands.claimed[document.id].claim.lease_token
        await self.hands.finish(document.id, outcome)
        gone = "SELECT lease_token IS DISTINCT FROM $2 FROM documents WHERE id = $1"
        await until(lambda: self.database.value(gone, document.id, token))
        self.model.finish(document, outcome)

    def _document(self, number: int) -> Document:
        known = self.model.documents
        return known[number % len(known)] if known else Document(UNKNOWN, removed=True)

    def _message(self, document: Document) -> DocumentMessage:
        return DocumentMessage(id=document.id, batch_id=self.batch_id)

    async def _compare(self, call: Callable[[], Awaitable[Any]], expect: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Both answer, and with what; or both refuse, for the same reason."""
        answer, refused = None, ""
        try:
            answer = await call()
        except grpc.aio.AioRpcError as error:
            refused = str(from_rpc_error(error).reason)
        try:
            expected = expect()
        except Refused as error:
            _same(refused, str(error))
            return None
        _same(refused, "")
        return answer, expected

    async def _settle(self) -> None:
        """Wait until the worker has claimed what it may, then look at everything."""
        self.model.claim()
        async with asyncio.timeout(20):
            while self.hands.counted.get(self.batch_id, 0) < self.model.claims:  # noqa: ASYNC110 - another process claims
                await asyncio.sleep(0.005)
        if self.model.deleted:
            return
        _same(_seen(await self.tenant.get(self.batch_id)), self._expected())
        documents = await self.tenant.documents(self.batch_id)
        _same(
            [_seen_document(one) for one in documents], [(one.id, one.status, one.error) for one in self.model.present]
        )

    def _expected(self) -> dict[str, Any]:
        model = self.model
        return {
            "status": model.status,
            "generation": model.generation,
            "total": len(model.present),
            "bytes": model.size,
            "counts": dict(model.counts),
            "errors": model.errors,
        }


def _same(seen: object, expected: object) -> None:
    assert seen == expected, f"answered: {seen}\nmust be: {expected}"


def _seen(batch: Batch) -> dict[str, Any]:
    counters = batch.counters
    names = [name.removeprefix("DOCUMENT_STATUS_") for name in DocumentStatus.keys()[1:]]
    return {
        "status": BatchStatus.Name(batch.status).removeprefix("BATCH_STATUS_"),
        "generation": batch.retry_generation,
        "total": counters.total,
        "bytes": counters.bytes,
        "counts": {name: count for name in names if (count := getattr(counters, name.lower()))},
        "errors": {group.code: group.count for group in batch.errors},
    }


def _seen_document(document: DocumentMessage) -> tuple[str, str, str]:
    return document.id, DocumentStatus.Name(document.status).removeprefix("DOCUMENT_STATUS_"), document.error.code
