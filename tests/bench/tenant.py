"""A tenant of the highest tier, and the few things a measurement does in its name."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE, Batch
from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire.batch.v1.document_pb2 import Document
from quire_client import AdminClient, QuireClient
from tests.bench.documents import PROMPT, SCHEMA, document
from tests.bench.stage import Stage

PARALLEL_UPLOADS = 8
FINAL_SECONDS = 300.0


@dataclass(frozen=True)
class Tenant:
    """One tenant's key and client."""

    key: str
    client: QuireClient

    async def draft(self, sizes: Sequence[int]) -> tuple[str, Sequence[Document]]:
        """Create a batch and announce documents of these sizes; answers its id and them."""
        batch = await self.client.create_batch(prompt=PROMPT, schema=SCHEMA, name="bench")
        announced = [
            DocumentAnnouncement(name=f"letter-{number}.txt", size_bytes=size) for number, size in enumerate(sizes)
        ]
        return batch.id, await self.client.add_documents(batch.id, announced)

    async def filled(self, documents: int, size_bytes: int) -> str:
        """Create a batch with all its documents uploaded, ready to be sealed."""
        batch_id, announced = await self.draft([size_bytes] * documents)
        left = iter(list(enumerate(announced)))

        async def upload() -> None:
            for number, one in left:
                await self.client.upload(batch_id, one.id, document(number, size_bytes))

        await asyncio.gather(*(upload() for _ in range(PARALLEL_UPLOADS)))
        return batch_id

    async def finish(self, batch_id: str) -> Batch:
        """Seal a batch and watch it until it is final."""
        await self.client.seal(batch_id)
        batch = Batch()
        async with asyncio.timeout(FINAL_SECONDS):
            async for snapshot in self.client.watch(batch_id):
                batch = snapshot.batch
        if batch.counters.succeeded != batch.counters.total:
            raise RuntimeError(f"{batch.counters.total - batch.counters.succeeded} documents did not succeed")
        return batch

    async def waits(self, batch: Batch) -> list[float]:
        """Seconds from sealed to final of each document, by the clock of the database."""
        sealed = batch.seal_time.ToNanoseconds()
        documents = self.client.documents(batch.id)
        return [(one.complete_time.ToNanoseconds() - sealed) / 1e9 async for one in documents]


@asynccontextmanager
async def open_tenant(stage: Stage) -> AsyncGenerator[Tenant]:
    """A new tenant; the batch service must be running."""
    async with AdminClient.from_environment(environment=stage.env) as admin:
        tenant = await admin.create_tenant(f"bench {uuid4()}", TIER_ENTERPRISE)
        key = (await admin.create_api_key(tenant.id, "bench")).secret
    async with QuireClient.from_environment(environment={**stage.env, "QUIRE_API_KEY": key}) as client:
        yield Tenant(key, client)
