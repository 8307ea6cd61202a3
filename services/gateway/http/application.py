"""The HTTP application: its routes, its OpenAPI document, and the framework's own faults turned into ours."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Match

from chassis.blobs import Blobs
from chassis.errors import CallError, invalid
from gateway.backend import Backend
from gateway.http.drain import Drain
from gateway.http.lobby import Lobby
from gateway.http.openapi import describe
from gateway.http.problems import HttpFault, HttpReason
from gateway.http.routes import (
    batches,
    catalogue,
    contents,
    documents,
    events,
    extract,
    health,
    limits,
    pages,
    results,
    session,
    verbs,
)
from gateway.http.sessions import Sessions
from gateway.http.wall import Wall
from gateway.upload import Uploads

DOORS = (extract, batches, verbs, documents, contents, results, events, limits, session, catalogue, health, pages)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def build_application(
    backend: Backend, uploads: Uploads, blobs: Blobs, drain: Drain, lobby: Lobby, sessions: Sessions | None
) -> FastAPI:
    """The whole HTTP side of the gateway, ready to be served."""
    app = FastAPI(
        title="Quire",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Wall, drain=drain, lobby=lobby)],
        exception_handlers={HTTPException: _http_fault, RequestValidationError: _invalid},
    )
    app.state.backend, app.state.uploads, app.state.blobs, app.state.drain = backend, uploads, blobs, drain
    app.state.sessions = sessions
    for door in DOORS:
        app.include_router(door.router)
    describe(app)
    return app


async def _http_fault(request: Request, error: Exception) -> Response:
    """Raise ours for what the router refused."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.url.path
    if status == 404:
        raise HttpFault(404, HttpReason.ROUTE_UNKNOWN, f"there is nothing at {path}; see /docs") from error
    if status == 405:
        allowed = _allowed(request)
        message = f"{path} answers {allowed} only"
        raise HttpFault(405, HttpReason.METHOD_NOT_ALLOWED, message, {"Allow": allowed}) from error
    raise error


async def _invalid(_: Request, error: Exception) -> Response:
    raise _violations(error) from error


def _violations(error: Exception) -> CallError:
    items: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else []
    return invalid({str(item["loc"][-1]): str(item["msg"]) for item in items})


def _allowed(request: Request) -> str:
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.router.routes
    found = [
        method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]
    return ", ".join(found)
