"""One attempt at one document: fetch, parse, extract, validate, store. It ends in an outcome and never raises."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from chassis.blobs import BlobFault, BlobFull, BlobMissing, Blobs, StoredBlob
from chassis.failpoints import Point, during, reach
from chassis.failures import FailureCode
from chassis.logs import get_logger
from extractor.domain.extraction import DocumentFault, Engine, Extraction
from extractor.domain.faults import EngineFault, NotNow
from extractor.domain.outcome import Attempted, Failed, Released, Stage, Succeeded
from extractor.domain.pages import ParsedDocument
from extractor.domain.result import EngineIdentity, Source, build_result
from extractor.domain.usage import NO_USAGE, total
from extractor.parse.limits import ParseLimits
from extractor.work.backoff import backoff
from extractor.work.check import Checked, CompiledSchema, check
from extractor.work.earlier import find_earlier
from extractor.work.events import Advance
from extractor.work.incidents import log_incident
from extractor.work.leases import StopCause
from extractor.work.progress import Report
from extractor.work.schemas import BatchSchemas
from extractor.work.scratch import Scratch
from quire.work.v1.work_service_pb2 import Claim

log = get_logger()

STORAGE_WAIT = 10.0
STORAGE_FULL_WAIT = 60.0
STORE_TRIES = 5
STORE_FIRST_DELAY = 0.5
STORE_LONGEST_DELAY = 8.0
IN_THE_CALL = 0.05
"""Seconds after which a model has been asked and has not answered."""

Parse = Callable[[Path, str, ParseLimits], Awaitable[ParsedDocument]]


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools all attempts of a worker share."""

    blobs: Blobs
    scratch: Scratch
    parse: Parse
    engine: Engine
    schemas: BatchSchemas
    model_deadline: float
    """Seconds the EXTRACT stage may take."""
    job_deadline: float
    """Seconds an attempt may take, even if the claim allows more."""


class Attempt:
    """Runs once."""

    def __init__(self, bench: Bench, claim: Claim, report: Report) -> None:
        self._bench = bench
        self._claim = claim
        self._report = report
        self._stage = Stage.FETCH
        self._usage = NO_USAGE
        self._document: ParsedDocument | None = None

    async def run(self) -> Attempted:
        """Work until there is an outcome; raises nothing but CancelledError."""
        deadline = asyncio.timeout(self._seconds())
        try:
            async with deadline:
                earlier = await find_earlier(self._bench.blobs, self._claim)
                return earlier or await self._work()
        except TimeoutError as error:
            if deadline.expired():
                return self._failed(FailureCode.DOCUMENT_TIMEOUT, "the attempt took longer than it may")
            return self._broken(error)
        except Exception as error:  # noqa: BLE001 - an attempt ends in an outcome whatever happens
            return self._outcome_of(error)

    def _seconds(self) -> float:
        most = self._bench.job_deadline
        if not self._claim.HasField("job_deadline"):
            return most
        return min(self._claim.job_deadline.ToTimedelta().total_seconds(), most)

    def stopped(self, cause: StopCause) -> Attempted:
        """The outcome of an attempt that was stopped before it was done."""
        if cause is StopCause.CANCELLED:
            return self._failed(FailureCode.CANCELLED, "the owner cancelled while the document was being worked")
        return Released(None, "the worker is being shut down", usage=self._usage)

    async def _work(self) -> Succeeded:
        self._enter(Stage.FETCH)
        await reach(Point.W2)
        async with self._bench.scratch.fetched(self._bench.blobs, self._claim.object_key) as (path, fetched):
            self._verify(fetched)
            document = self._document = await self._parse(path)
        schema = await self._schema()
        answer = await self._extract(document, schema)
        return await self._store(document, await self._validate(answer, document, schema))

    def _verify(self, fetched: StoredBlob) -> None:
        if (fetched.sha256, fetched.size_bytes) != (self._claim.sha256.lower(), self._claim.size_bytes):
            raise DocumentFault(FailureCode.CHECKSUM_MISMATCH, "the bytes read are not the bytes that were uploaded")

    async def _parse(self, path: Path) -> ParsedDocument:
        self._enter(Stage.PARSE)
        return await self._bench.parse(path, self._claim.name, ParseLimits(max_pages=self._claim.max_pages))

    async def _schema(self) -> CompiledSchema:
        self._enter(Stage.EXTRACT)
        schema, usage = await self._bench.schemas.of(self._claim)
        self._usage = total(self._usage, usage)
        return schema

    async def _extract(self, document: ParsedDocument, compiled: CompiledSchema) -> Extraction:
        deadline = asyncio.timeout(self._bench.model_deadline)
        try:
            async with deadline:
                asking = self._bench.engine.extract(document, self._claim.extraction_prompt, compiled.schema)
                answer = await during(Point.W3, asking, IN_THE_CALL)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise DocumentFault(FailureCode.PROVIDER_TIMEOUT, "the model took longer than it may") from error
        self._usage = total(self._usage, answer.usage)
        return answer

    async def _validate(self, answer: Extraction, document: ParsedDocument, compiled: CompiledSchema) -> Checked:
        self._enter(Stage.VALIDATE)
        return await asyncio.to_thread(check, answer, document, compiled)

    async def _store(self, document: ParsedDocument, checked: Checked) -> Succeeded:
        self._enter(Stage.STORE)
        await reach(Point.W4)
        stored = await during(Point.W5, self._put(self._encoded(document, checked)))
        await reach(Point.W6)
        return Succeeded(
            result_key=stored.key,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            pages=len(document.pages),
            media_type=document.media_type,
            ungrounded_fields=checked.ungrounded,
            usage=self._usage,
        )

    def _encoded(self, document: ParsedDocument, checked: Checked) -> bytes:
        claim, engine = self._claim, self._bench.engine
        source = Source(
            tenant_id=claim.tenant_id,
            batch_id=claim.batch_id,
            document_id=claim.document_id,
            attempt=claim.attempt,
            name=claim.name,
            media_type=document.media_type,
            sha256=claim.sha256,
            pages=len(document.pages),
        )
        identity = EngineIdentity(engine.name, engine.model)
        return orjson.dumps(
            build_result(source, checked.values, checked.fields, document.warnings, identity, self._usage)
        )

    async def _put(self, body: bytes) -> StoredBlob:
        """The model has been paid by now, so a store that falters is asked several times."""
        delays = backoff(STORE_FIRST_DELAY, STORE_LONGEST_DELAY)
        for _ in range(STORE_TRIES - 1):
            try:
                return await self._bench.blobs.put(self._claim.result_key, body, "application/json")
            except BlobFault as fault:
                log.warning("result_not_stored", fault=type(fault).__name__)
                await asyncio.sleep(next(delays))
        return await self._bench.blobs.put(self._claim.result_key, body, "application/json")

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        pages, media_type = self._found()
        done = pages if stage > Stage.EXTRACT else 0
        self._report.advance(Advance(stage, done, pages, media_type))

    def _found(self) -> tuple[int, str]:
        return (len(self._document.pages), self._document.media_type) if self._document else (0, "")

    def _outcome_of(self, error: Exception) -> Attempted:
        if isinstance(error, EngineFault):
            self._usage = total(self._usage, error.usage)
        match error:
            case NotNow():
                return Released(error.code, error.message, error.retry_after, self._usage)
            case DocumentFault():
                return self._failed(error.code, error.message)
            case BlobMissing() if self._stage is Stage.FETCH:
                return self._failed(FailureCode.SOURCE_MISSING, "the stored file is gone")
            case BlobFull():
                return self._storage(FailureCode.STORAGE_FULL, "the object store is full", STORAGE_FULL_WAIT)
            case BlobFault():
                return self._storage(FailureCode.STORAGE_UNAVAILABLE, "the object store does not answer", STORAGE_WAIT)
            case _:
                return self._broken(error)

    def _storage(self, code: FailureCode, message: str, wait: float) -> Released:
        return Released(code, message, wait, self._usage)

    def _failed(self, code: FailureCode, message: str) -> Failed:
        pages, media_type = self._found()
        return Failed(code, message, self._stage, self._usage, pages, media_type)

    def _broken(self, error: Exception) -> Failed:
        message = f"a fault in Quire; report it with incident id {log_incident(error)}"
        return self._failed(FailureCode.INTERNAL, message)
