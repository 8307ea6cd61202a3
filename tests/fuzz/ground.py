"""A tenant with batches in several states, so that a call gets past the check of its ids."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import grpc

from quire.batch.v1.batch_pb2 import TIER_ENTERPRISE
from quire.work.v1.work_service_pb2 import ClaimDocumentRequest
from tests.fuzz.stage import Stage
from tests.integration.batch.tenants import SCHEMA, Tenant, an_id, digest
from tests.waiting import until

WORKER = "worker-of-the-ground"
DISPATCHED = "SELECT dispatch_id FROM documents WHERE batch_id = $1 AND dispatch_id IS NOT NULL AND status = 'QUEUED'"


@dataclass(frozen=True)
class Ground:
    """A draft with a document in each state, a batch at work, and a stranger's batch."""

    tenant: Tenant
    known: Mapping[str, Sequence[Any]]
    final: Sequence[str]
    """A batch that is over."""

    @classmethod
    async def prepare(cls, stage: Stage, *, claimed: bool = False) -> Self:
        """Make it anew; `claimed` says whether the ground plays the worker itself, as no other is there."""
        limits = {"open_batches": 100_000, "creates_per_minute": 1_000_000}
        tenant = await stage.door.create_tenant(TIER_ENTERPRISE, **limits)
        stranger = await (await stage.door.create_tenant(TIER_ENTERPRISE)).create()
        over = await tenant.cancel((await tenant.create()).id)
        draft = await tenant.create()
        documents = await tenant.announce(draft.id, 3)
        keys = [(await tenant.begin(document)).object_key for document in documents]
        await tenant.complete(documents[0], keys[0])
        sealed = await tenant.sealed(2)
        at_work = await _at_work(stage, tenant, sealed.id) if claimed else {}
        known: dict[str, Sequence[Any]] = {
            "batch_id": [draft.id, sealed.id, over.id, stranger.id, an_id()],
            "document_id": [*(document.id for document in documents), an_id()],
            "object_key": keys,
            "tenant_id": [tenant.id],
        }
        known["document_ids"] = [document.id for document in documents]
        return cls(tenant, {**known, **at_work, **_USUAL}, [over.id])

    async def leave(self) -> None:
        """Leave nothing that waits for a worker, if the key still opens anything."""
        for batch_id in self.known["batch_id"][:2]:
            with suppress(grpc.aio.AioRpcError):
                await self.tenant.delete(batch_id)


@contextmanager
def on_ground(stage: Stage, *, claimed: bool = False) -> Generator[Ground]:
    """Ground for as long as the block."""
    ground = stage.loop.run(Ground.prepare(stage, claimed=claimed))
    yield ground
    stage.loop.run(ground.leave())


_USUAL: Mapping[str, Sequence[Any]] = {
    "name": ["a.pdf", "May"],
    "extraction_prompt": ["the total"],
    "output_schema": [SCHEMA, '{"type": "object"}'],
    "sha256": [digest(b"x"), ""],
    "size_bytes": [0, 1, 13],
    "media_type": ["application/pdf"],
    "error_codes": ["FILE_CORRUPT", "CANCELLED", "NO_SUCH"],
    "order_by": ["create_time desc", "create_time asc"],
    "page_size": [0, 1, 1_000],
    "worker_id": [WORKER],
    "slots": [1, 16],
    "tier": [1, 2, 3, 4],
    "limit_overrides": ["open_batches", "documents_per_batch", "bytes_per_document"],
}


async def _at_work(stage: Stage, tenant: Tenant, batch_id: str) -> dict[str, Sequence[Any]]:
    """Wait for the dispatches, and claim one document."""
    async with stage.database() as database:
        await until(lambda: database.value(f"SELECT count(*) = 2 FROM ({DISPATCHED}) d", batch_id))
        rows = await database.rows(DISPATCHED, batch_id)
    dispatches = [str(row["dispatch_id"]) for row in rows]
    running, waiting = await tenant.documents(batch_id)
    tokens = list[str]()
    for dispatch in dispatches:
        asked = ClaimDocumentRequest(document_id=running.id, dispatch_id=dispatch, worker_id=WORKER)
        claim = (await stage.door.work.ClaimDocument(asked, metadata=stage.door.worker)).claim
        tokens += [claim.lease_token] if claim.lease_token else []
    return {"lease_token": tokens, "lease_tokens": tokens, "dispatch_id": dispatches, "ids": [waiting.id]}
