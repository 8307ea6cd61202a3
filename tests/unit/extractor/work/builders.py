"""Claims, documents and small fakes for the tests of the worker."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from chassis.blobs import BlobFault, BlobMissing, StoredBlob
from extractor.domain.extraction import Citation, Extraction, JsonSchema, Usage
from extractor.domain.pages import Page, ParsedDocument
from extractor.parse.limits import ParseLimits
from extractor.work.attempt import Attempt, Bench
from extractor.work.events import Advance
from extractor.work.schemas import BatchSchemas, Derived
from extractor.work.scratch import Scratch
from quire.work.v1.work_service_pb2 import Claim

BODY = b"Total: 12.50\n"
SCHEMA = '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}'
DOCUMENT = ParsedDocument("text/plain", (Page(1, BODY.decode()),))


def a_claim(**changes: Any) -> Claim:
    claim = Claim(
        tenant_id="t1",
        batch_id="b1",
        document_id="d1",
        attempt=1,
        lease_token="lease-1",
        name="note.txt",
        object_key="t1/b1/d1/source",
        size_bytes=len(BODY),
        sha256=hashlib.sha256(BODY).hexdigest(),
        extraction_prompt="the total",
        output_schema=SCHEMA,
        max_pages=10,
        result_key="t1/b1/d1/1.json",
    )
    claim.job_deadline.FromSeconds(60)
    claim.MergeFrom(Claim(**changes))
    return claim


@dataclass
class FakeBlobs:
    held: dict[str, bytes] = field(default_factory=lambda: {"t1/b1/d1/source": BODY})
    get_fault: BlobFault | None = None
    put_faults: list[BlobFault] = field(default_factory=list[BlobFault])

    async def get(self, key: str) -> bytes:
        if self.get_fault is not None:
            raise self.get_fault
        if key not in self.held:
            raise BlobMissing(key)
        return self.held[key]

    async def get_to_file(self, key: str, path: Path) -> StoredBlob:
        body = await self.get(key)
        await asyncio.to_thread(path.write_bytes, body)
        return StoredBlob(key, len(body), hashlib.sha256(body).hexdigest())

    async def put(self, key: str, body: bytes, media_type: str) -> StoredBlob:
        if self.put_faults:
            raise self.put_faults.pop(0)
        self.held[key] = body
        return StoredBlob(key, len(body), hashlib.sha256(body).hexdigest())


@dataclass
class FakeEngine:
    name: str = "fake"
    model: str = "0"
    answer: Callable[[], Extraction] = lambda: Extraction(
        {"total": 12.5}, (Citation("/total", "Total: 12.50", 1),), Usage(10, 5, 7)
    )
    hangs: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def derive_schema(self, prompt: str) -> JsonSchema:
        raise NotImplementedError

    async def extract(self, document: ParsedDocument, prompt: str, schema: JsonSchema) -> Extraction:
        self.asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer()


@dataclass
class FakeClaims:
    kept: str = ""
    proposals: list[str] = field(default_factory=list[str])

    async def propose_schema(self, batch_id: str, lease_token: str, schema: str) -> str:
        self.proposals.append(schema)
        return self.kept or schema


@dataclass
class Heard:
    advances: list[Advance] = field(default_factory=list[Advance])

    def advance(self, advance: Advance) -> None:
        self.advances.append(advance)


async def derive(prompt: str) -> Derived:
    return Derived({"type": "object", "properties": {"total": {"type": ["number", "null"]}}}, Usage(3, 2, 1))


@dataclass
class World:
    """A bench of fakes; change what the test is about."""

    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    engine: FakeEngine = field(default_factory=FakeEngine)
    claims: FakeClaims = field(default_factory=FakeClaims)
    heard: Heard = field(default_factory=Heard)
    parse_fault: Exception | None = None
    scratch: Scratch = field(default_factory=lambda: Scratch(Path(gettempdir())))
    paths: list[Path] = field(default_factory=list[Path])
    model_deadline: float = 10.0
    job_deadline: float = 60.0

    async def parse(self, path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
        self.paths.append(path)
        if self.parse_fault is not None:
            raise self.parse_fault
        return DOCUMENT

    def attempt(self, claim: Claim | None = None) -> Attempt:
        return Attempt(self.bench(), claim or a_claim(), self.heard)

    def bench(self) -> Bench:
        blobs: Any = self.blobs
        claims: Any = self.claims
        return Bench(
            blobs=blobs,
            scratch=self.scratch,
            parse=self.parse,
            engine=self.engine,
            schemas=BatchSchemas(claims, derive),
            model_deadline=self.model_deadline,
            job_deadline=self.job_deadline,
        )
