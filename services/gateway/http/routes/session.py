"""`/v1/session`: sign in, see who is signed in, sign out."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.backend import Backend, Caller
from gateway.http.answers import answer
from gateway.http.bodies import read_optional_model
from gateway.http.caller import TheBackend, TheSessions, WhoAsks, bearer, caller_of
from gateway.http.inputs import SessionInput
from gateway.http.openapi import answers, answers_nothing, takes
from gateway.http.same_origin import refuse_strangers
from quire.batch.v1.batch_service_pb2 import GetCallerRequest, GetCallerResponse

router = APIRouter(tags=["session"])


@router.post("/v1/session", **answers(GetCallerResponse), **takes(SessionInput))
async def sign_in(request: Request, sessions: TheSessions, backend: TheBackend) -> Response:
    """Sign in with an API key, or with the credential of `Authorization`; the answer sets a cookie."""
    refuse_strangers(request)
    body = await read_optional_model(request, SessionInput)
    caller = caller_of(body.api_key) if body.api_key else await bearer(request)
    return await _who(backend, caller, {"Set-Cookie": sessions.sealed(caller.credential)})


@router.get("/v1/session", **answers(GetCallerResponse))
async def read_session(_: TheSessions, caller: WhoAsks, backend: TheBackend) -> Response:
    """Say who is signed in; 401 when nobody is."""
    return await _who(backend, caller, {})


@router.delete("/v1/session", **answers_nothing("signed out, now or before"))
async def sign_out(request: Request, sessions: TheSessions) -> Response:
    """Sign out: the browser forgets the cookie."""
    refuse_strangers(request)
    return Response(status_code=204, headers={"Set-Cookie": sessions.ended()})


async def _who(backend: Backend, caller: Caller, headers: dict[str, str]) -> Response:
    return answer(await backend.ask(backend.batch.GetCaller, GetCallerRequest(), caller), 200, headers)
