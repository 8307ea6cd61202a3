"""`POST /v1/batches:extract`: a form with an instruction and files becomes a sealed batch in one request."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from chassis.errors import CallError, CallReason, invalid
from chassis.logs import get_logger
from gateway.http.answers import answer
from gateway.http.bodies import parse_strict, validate
from gateway.http.caller import derived_id
from gateway.http.filing import Filing, filing
from gateway.http.forms import Part, parts_of
from gateway.http.inputs import BatchInput
from gateway.http.openapi import answers, takes_one_shot
from gateway.http.problems import RequestAborted
from quire.batch.v1.batch_pb2 import Batch
from quire.batch.v1.batch_service_pb2 import CancelBatchRequest, GetBatchRequest, SealBatchRequest

log = get_logger()
router = APIRouter(tags=["batches"])

FIELDS = {
    "prompt": "extraction_prompt",
    "name": "name",
    "description": "description",
    "schema": "output_schema",
    "options": "options",
}


@router.post("/v1/batches:extract", **answers(Batch, 201), **takes_one_shot(FIELDS))
async def extract(request: Request, desk: Annotated[Filing, Depends(filing)]) -> Response:
    """Create a batch, upload its files and seal it. Fields come first, then the files.

    If it breaks off, the batch is cancelled; with an Idempotency-Key it stays a draft, and sending the same request
    again goes on with it.
    """
    submission = _Submission(desk)
    try:
        batch = await submission.run(parts_of(request))
    except ClientDisconnect:
        await submission.give_up()
        raise
    except Exception as error:
        await submission.give_up()
        raise RequestAborted(error, submission.context()) from error
    return answer(batch, 201, {"Location": f"/v1/batches/{batch.id}"})


class _Submission:
    """One batch on its way from a form."""

    def __init__(self, desk: Filing) -> None:
        self._desk = desk
        self._fields: dict[str, str] = {}
        self._batch: Batch | None = None
        self._file: str | None = None
        self._stored = 0

    async def run(self, parts: AsyncIterator[Part]) -> Batch:
        async for part in parts:
            if part.file_name is None:
                await self._take_field(part)
                continue
            self._file = part.file_name
            batch = await self._draft()
            await self._desk.file_part(batch.id, part, self._stored)
            self._stored += 1
        if self._batch is None:
            raise invalid({"files": "at least one file"})
        return await self._seal(self._batch.id)

    def context(self) -> dict[str, Any]:
        """What the caller should know about what stands now."""
        batch_id = self._batch.id if self._batch else None
        return {"batch_id": batch_id, "file": self._file, "documents_stored": self._stored}

    async def give_up(self) -> None:
        """Cancel a draft that nobody will go on with: it would hold a place among the tenant's open batches."""
        if self._batch is None or self._desk.resumable:
            return
        request = CancelBatchRequest(batch_id=self._batch.id)
        try:
            await self._desk.backend.ask(self._desk.backend.batch.CancelBatch, request, self._desk.caller)
        except CallError as error:
            log.info("draft_not_cancelled", batch_id=self._batch.id, reason=error.reason)

    async def _take_field(self, part: Part) -> None:
        if part.name not in FIELDS:
            raise invalid({part.name or "?": f"is none of {', '.join(FIELDS)}"})
        if self._batch is not None:
            raise invalid({part.name: "fields come before the files"})
        self._fields[FIELDS[part.name]] = await part.text()

    async def _draft(self) -> Batch:
        if self._batch is None:
            desk = self._desk
            request = _input_of(self._fields).message(desk.request_id)
            self._batch = (await desk.backend.ask(desk.backend.batch.CreateBatch, request, desk.caller)).batch
        return self._batch

    async def _now(self, batch_id: str) -> Batch:
        desk = self._desk
        return (
            await desk.backend.ask(desk.backend.batch.GetBatch, GetBatchRequest(batch_id=batch_id), desk.caller)
        ).batch

    async def _seal(self, batch_id: str) -> Batch:
        desk = self._desk
        request = SealBatchRequest(request_id=derived_id(desk.request_id, "seal"), batch_id=batch_id)
        try:
            return (await desk.backend.ask(desk.backend.batch.SealBatch, request, desk.caller)).batch
        except CallError as error:
            if not desk.resumable or error.reason != CallReason.BATCH_NOT_DRAFT:
                raise
            return await self._now(batch_id)  # sealed in another way, but these are its files


def _input_of(fields: dict[str, str]) -> BatchInput:
    values: dict[str, Any] = dict(fields)
    if fields.get("options"):
        values["options"] = parse_strict(fields["options"].encode())
    return validate(values, BatchInput)
