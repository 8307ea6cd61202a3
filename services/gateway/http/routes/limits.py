"""`GET /v1/limits` and `GET /v1/usage`: the very numbers the server enforces, and what was used of them."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.caller import TheBackend, WhoAsks
from gateway.http.openapi import answers
from quire.batch.v1.batch_service_pb2 import (
    GetLimitsRequest,
    GetLimitsResponse,
    GetUsageRequest,
    GetUsageResponse,
)

router = APIRouter(tags=["limits"])


@router.get("/v1/limits", **answers(GetLimitsResponse))
async def get_limits(caller: WhoAsks, backend: TheBackend) -> Response:
    """Read the limits in force for the caller's tenant and what it uses of them."""
    return answer(await backend.ask(backend.batch.GetLimits, GetLimitsRequest(), caller))


@router.get("/v1/usage", **answers(GetUsageResponse))
async def get_usage(
    caller: WhoAsks, backend: TheBackend, months: Annotated[int, Query(ge=-(2**31), lt=2**31)] = 0
) -> Response:
    """Read what the caller's tenant uses now, and its use by month, newest first."""
    return answer(await backend.ask(backend.batch.GetUsage, GetUsageRequest(months=months), caller))
