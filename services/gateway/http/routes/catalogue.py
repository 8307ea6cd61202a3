"""`GET /v1/errors`: every code a document or a call can fail with, and the way out of each."""

from fastapi import APIRouter
from starlette.responses import Response

from chassis.failures import CATALOGUE, FailureCode
from gateway.http.answers import answer_values
from gateway.http.openapi import answers_object

router = APIRouter(tags=["errors"])


@router.get("/v1/errors", **answers_object("codes with category, actor and remedy"))
async def list_errors() -> Response:
    """List the error catalogue. Needs no credential."""
    return answer_values({"errors": [_entry(code) for code in FailureCode]})


def _entry(code: FailureCode) -> dict[str, object]:
    known = CATALOGUE[code]
    return {
        "code": code,
        "category": known.category,
        "retryable": known.retryable,
        "actor": known.actor,
        "remedy": known.remedy,
    }
