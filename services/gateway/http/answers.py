"""Answers of the routes."""

from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response

from gateway.http.shapes import dump, shape

JSON = "application/json"


def answer(message: Message, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """One message as JSON."""
    return answer_values(shape(message), status, headers)


def answer_values(values: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Values as JSON."""
    return Response(dump(values), status, headers, JSON)
