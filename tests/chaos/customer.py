"""A customer of a chaos run: submits batches, submits them twice, cancels, pauses, retries, deletes, and writes down
every answer. All it does follows from its seed."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import httpx2

from quire.batch.v1.batch_pb2 import Batch as BatchMessage
from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire_client import QuireClient
from quire_client.errors import CallError, QuireError
from tests.chaos.paper import PROMPT, SCHEMA, Paper, write_paper
from tests.chaos.records import Batch, ClientLog, Document, canary_of, moment
from tests.chaos.stage import Stage, Tenant

T = TypeVar("T")

PATIENCE_SECONDS = 240.0
"""A customer gives up on a call after this long; no fault lasts half of it."""
UPLOADS_AT_ONCE = 4
HTTP_SHARE = 0.3
TWICE_SHARE = 0.3
SIZES = ((0.6, 1, 5), (0.3, 6, 40), (0.09, 41, 120), (0.01, 500, 500))


@dataclass
class Customer:
    """One of a tenant's users; several may work for one tenant."""

    stage: Stage
    tenant: Tenant
    rng: random.Random
    log: ClientLog

    async def work(self, over: asyncio.Event) -> None:
        """Submit batch after batch until it is over; returns once the last is submitted."""
        endpoint, uploads = self.stage.endpoint, self.rng.choice(self.stage.uploads)
        async with (
            QuireClient(endpoint, self.tenant.key, uploads, retry_for=PATIENCE_SECONDS) as quire,
            httpx2.AsyncClient(
                base_url=self.rng.choice(self.stage.http),
                headers={"Authorization": f"Bearer {self.tenant.key}"},
                timeout=30,
                trust_env=False,
            ) as http,
        ):
            while not over.is_set():
                await _Visit(self, quire, http).run()

    def size(self) -> int:
        """How many documents the next batch has: mostly few, at times five hundred."""
        chance = self.rng.random()
        for share, least, most in SIZES:
            if chance < share:
                return self.rng.randint(least, most)
            chance -= share
        return 1

    def an_id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))


@dataclass
class _Visit:
    """One batch, from its creation to the end of this customer's interest in it."""

    customer: Customer
    quire: QuireClient
    http: httpx2.AsyncClient

    async def run(self) -> None:
        customer = self.customer
        papers = [write_paper(customer.rng, customer.tenant.name) for _ in range(customer.size())]
        with suppress(QuireError):  # refused or given up, and written down
            batch = await self._create()
            await self._announce(batch, papers)
            await self._upload_all(batch, papers)
            await self._seal(batch)
            await customer.rng.choices(*zip(*self._plans(), strict=True))[0](batch)

    def _plans(self) -> Sequence[tuple[Callable[[Batch], Awaitable[None]], float]]:
        return (
            (self._leave, 5),
            (self._watch, 5),
            (self._cancel, 2),
            (self._cancel_some, 2),
            (self._pause_a_while, 2),
            (self._retry, 3),
            (self._delete, 1),
        )

    async def _create(self) -> Batch:
        request_id, name = self.customer.an_id(), canary_of(self.customer.tenant.name)

        def create() -> Awaitable[BatchMessage]:
            return self.quire.create_batch(prompt=PROMPT, schema=SCHEMA, name=name, request_id=request_id)

        made = await self._once(request_id, create, lambda answer: answer.id)
        batch = Batch(made.id, self.customer.tenant.name)
        self.customer.log.batches[batch.id] = batch
        return batch

    async def _announce(self, batch: Batch, papers: Sequence[Paper]) -> None:
        request_id = self.customer.an_id()
        announced = [DocumentAnnouncement(name=paper.name, size_bytes=len(paper.content)) for paper in papers]

        async def announce() -> Sequence[str]:
            added = await self.quire.add_documents(batch.id, announced, request_id=request_id)
            return [one.id for one in added]

        ids = await self._once(request_id, announce, ",".join)
        for document_id, paper in zip(ids, papers, strict=True):
            sha256 = hashlib.sha256(paper.content).hexdigest()
            batch.documents[document_id] = Document(
                document_id, batch.id, paper.name, sha256, paper.mark, readable=paper.readable
            )

    async def _once(self, request_id: str, call: Callable[[], Awaitable[T]], identity: Callable[[T], str]) -> T:
        """Make a call, at times twice at once, and note every identity that was answered."""
        twice = self.customer.rng.random() < TWICE_SHARE
        answers = await asyncio.gather(*(self._noting(call()) for _ in range(2 if twice else 1)))
        self.customer.log.answers.setdefault(request_id, set()).update(identity(one) for one in answers)
        return answers[0]

    async def _upload_all(self, batch: Batch, papers: Sequence[Paper]) -> None:
        free = asyncio.Semaphore(UPLOADS_AT_ONCE)

        async def upload(document: Document, paper: Paper, *, by_http: bool) -> None:
            async with free:
                send = self._put if by_http else self._upload
                await send(document, paper)
                document.accepted = True

        doors = [self.customer.rng.random() < HTTP_SHARE for _ in papers]
        await asyncio.gather(
            *(
                upload(document, paper, by_http=by_http)
                for document, paper, by_http in zip(batch.documents.values(), papers, doors, strict=True)
            )
        )

    async def _upload(self, document: Document, paper: Paper) -> None:
        await self._noting(self.quire.upload(document.batch_id, document.id, paper.content))

    async def _put(self, document: Document, paper: Paper) -> None:
        """What a careful HTTP client does: the same PUT again for as long as nobody answers it for good."""
        path = f"/v1/batches/{document.batch_id}/documents/{document.id}/content"
        give_up = moment() + PATIENCE_SECONDS
        while True:
            try:
                answer = await self.http.put(path, content=paper.content)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return
            if answer is not None:
                self.customer.log.refusals[f"{answer.status_code} {answer.json().get('reason', '')}"] += 1
            if moment() > give_up or (answer is not None and answer.status_code < 500):
                raise QuireError("an upload was given up", "see the refusals")
            await asyncio.sleep(0.3)

    async def _seal(self, batch: Batch) -> None:
        request_id = self.customer.an_id()
        await self._once(request_id, lambda: self.quire.seal(batch.id, request_id=request_id), lambda one: one.id)
        batch.sealed = True

    async def _noting(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except CallError as error:
            self.customer.log.refusals[f"{error.facts.code.name} {error.reason}"] += 1
            raise

    async def _leave(self, batch: Batch) -> None:
        """Say no more: the documents are Quire's now."""

    async def _watch(self, batch: Batch) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                async for _ in self.quire.watch(batch.id):
                    pass

    async def _pause(self) -> None:
        await asyncio.sleep(self.customer.rng.random() * 3)

    async def _cancel(self, batch: Batch) -> None:
        await self._pause()
        await self._noting(self.quire.cancel(batch.id))
        batch.cancel_answered = moment()

    async def _cancel_some(self, batch: Batch) -> None:
        await self._pause()
        ids = self.customer.rng.sample(sorted(batch.documents), k=max(1, len(batch.documents) // 3))
        await self._noting(self.quire.cancel_documents(batch.id, ids))
        batch.cancelled_documents.update(dict.fromkeys(ids, moment()))

    async def _pause_a_while(self, batch: Batch) -> None:
        await self._noting(self.quire.pause(batch.id))
        await self._pause()
        await self._noting(self.quire.resume(batch.id))

    async def _retry(self, batch: Batch) -> None:
        """Wait for the end, then try what failed again; where all went well there is nothing to retry."""
        await self._watch(batch)
        request_id = self.customer.an_id()
        with suppress(CallError):
            await self._noting(self.quire.retry(batch.id, request_id=request_id))
            batch.retried += 1

    async def _delete(self, batch: Batch) -> None:
        await self._pause()
        await self._noting(self.quire.delete(batch.id))
        batch.deleted = True
