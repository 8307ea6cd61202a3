"""The whole way of a few documents, walked by a client that tries again as docs/api.md tells it to."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

import httpx2

from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire_client import QuireClient
from quire_client.errors import FaultError
from tests.chaos.paper import PROMPT, SCHEMA, Paper
from tests.chaos.records import canary_of
from tests.chaos.stage import Stage, Tenant

T = TypeVar("T")
_SCHEMA_TEXT = json.dumps(SCHEMA)
PATIENCE_SECONDS = 40.0
AGAIN_SECONDS = 0.1


def write_papers(count: int) -> list[Paper]:
    """Readable documents, each with a mark of its own."""
    marks = [f"mk-{random.getrandbits(64):016x}" for _ in range(count)]
    return [Paper(f"{one}.txt", one, _text(one), readable=True) for one in marks]


def _text(mark: str) -> bytes:
    return f"Mark: {mark}\nCanary: {canary_of('failpoints')}\nInvoice number: INV-0001\n".encode()


@dataclass
class Way:
    """One client's walk."""

    stage: Stage
    tenant: Tenant
    quire: QuireClient

    async def submit(self, papers: Sequence[Paper]) -> str:
        """Create, announce, upload, seal; each again while the answer is that of a fault. Answers the batch's id."""
        request_id = str(uuid4())
        batch = await self.insist(lambda: self.quire.create_batch(prompt=PROMPT, schema=SCHEMA, request_id=request_id))
        announced = [DocumentAnnouncement(name=paper.name, size_bytes=len(paper.content)) for paper in papers]
        documents = await self.insist(lambda: self.quire.add_documents(batch.id, announced, request_id=request_id))

        async def upload(document_id: str, paper: Paper) -> None:
            await self.insist(lambda: self.quire.upload(batch.id, document_id, paper.content))

        await asyncio.gather(*(upload(one.id, paper) for one, paper in zip(documents, papers, strict=True)))
        await self.insist(lambda: self.quire.seal(batch.id, request_id=request_id))
        return batch.id

    async def submit_form(self, papers: Sequence[Paper]) -> str:
        """All in one form, the same form again while it breaks off."""
        key = str(uuid4())
        files = [("files", (paper.name, paper.content)) for paper in papers]
        headers = {"Authorization": f"Bearer {self.tenant.key}", "Idempotency-Key": key}
        async with httpx2.AsyncClient(base_url=self.stage.http[0], timeout=20, trust_env=False) as http:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        sent = await http.post(
                            "/v1/batches:extract",
                            data={"prompt": PROMPT, "schema": _SCHEMA_TEXT},
                            files=files,
                            headers=headers,
                        )
                    except httpx2.TransportError:
                        sent = None
                    if sent is not None and sent.status_code == 201:
                        return str(sent.json()["id"])
                    assert sent is None or sent.status_code >= 500, sent.text
                    await asyncio.sleep(AGAIN_SECONDS)

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call until it is answered; a fault of the server is not the client's."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    return await call()
                except FaultError:
                    await asyncio.sleep(AGAIN_SECONDS)

    async def final(self, batch_id: str) -> Batch:
        """Watch until it is final."""
        batch = Batch()
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for snapshot in self.quire.watch(batch_id):
                batch = snapshot.batch
        return batch

    def bought(self, papers: Sequence[Paper]) -> Counter[str]:
        """How many answers the model gave for each."""
        marks = {paper.mark for paper in papers}
        return Counter(one.mark for one in self.stage.model.log.asked if one.mark in marks and one.answer == "success")
