"""`/healthz` and `/readyz`, for whoever runs the process."""

import asyncio
from collections.abc import Awaitable
from typing import cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from chassis.blobs import BlobFault, Blobs
from gateway.http.answers import answer_values
from gateway.http.caller import TheBackend, TheDrain
from gateway.http.openapi import answers_object

router = APIRouter(tags=["health"])

PATIENCE_SECONDS = 3.0


@router.get("/healthz", **answers_object("the process answers"))
async def live() -> Response:
    """Say that the process is alive, whatever it can reach."""
    return answer_values({"status": "ok"})


@router.get("/readyz", **answers_object("the process can serve"))
async def ready(request: Request, backend: TheBackend, drain: TheDrain) -> Response:
    """Say whether to send requests here: batch service and object store answer, and nobody asked to stop."""
    blobs = cast("Blobs", request.app.state.blobs)
    batch, store = await asyncio.gather(_answers(backend.wait_until_ready()), _answers(blobs.check()))
    serving = batch and store and not drain.begun
    parts = {"batch": _word(batch), "store": _word(store), "draining": drain.begun}
    return answer_values({"status": _word(serving), **parts}, 200 if serving else 503)


async def _answers(question: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await question
    except (TimeoutError, BlobFault):
        return False
    return True


def _word(good: bool) -> str:
    return "ok" if good else "unavailable"
