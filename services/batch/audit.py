"""What operators do leaves a line each: the method, what it was done to, and what came of it."""

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from batch.servicers import Doors
from chassis.errors import CallError
from chassis.logs import get_logger

log = get_logger()

_SUBJECTS = ("tenant_id", "api_key_id", "name", "user_id", "ids")
"""Fields that say whom or what a call is about; none holds a secret."""


def audited(doors: Doors) -> Doors:
    """The same doors, each call written down."""
    return {name: _audited(name, door) for name, door in doors.items()}


def _audited(method: str, door: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(request: Message, context: Any) -> Any:
        outcome = "FAILED"
        try:
            answer = await door(request, context)
            outcome = "OK"
        except CallError as error:
            outcome = error.code.name
            raise
        else:
            return answer
        finally:
            log.info("admin_called", called=method, outcome=outcome, peer=context.peer(), **_subjects(request))

    return call


def _subjects(request: Message) -> dict[str, object]:
    found = {name: getattr(request, name, None) for name in _SUBJECTS}
    return {name: value if isinstance(value, str) else list(value) for name, value in found.items() if value}
