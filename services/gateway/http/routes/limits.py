"""`GET /v1/limits`: the very numbers the server enforces."""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.http.answers import answer
from gateway.http.caller import TheBackend, WhoAsks
from gateway.http.openapi import answers
from quire.batch.v1.batch_service_pb2 import GetLimitsRequest, GetLimitsResponse

router = APIRouter(tags=["limits"])


@router.get("/v1/limits", **answers(GetLimitsResponse))
async def get_limits(caller: WhoAsks, backend: TheBackend) -> Response:
    """Read the limits in force for the caller's tenant and what it uses of them."""
    return answer(await backend.ask(backend.batch.GetLimits, GetLimitsRequest(), caller))
