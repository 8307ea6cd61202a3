"""A call with a `request_id` is done once: the same id with the same body answers the first answer."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from batch.store import tenants
from batch.store.database import Tx
from batch.wire.fields import Violations
from chassis.errors import CallReason, invalid

ResponseT = TypeVar("ResponseT", bound=Message)


async def once(
    tx: Tx, tenant_id: UUID, request: Message, answer: type[ResponseT], do: Callable[[], Awaitable[ResponseT]]
) -> ResponseT:
    """Do a call in its transaction, or answer what it was answered before.

    Args:
        tx: the transaction that `do` works in; the record commits with it.
        tenant_id: whose request ids are meant.
        request: a message with a field `request_id`; empty means that repeating it is the caller's risk.
        answer: type of the answer.
        do: the call.

    Raises:
        CallError: INVALID_ARGUMENT, REQUEST_ID_REUSED: the id was used with another body.
    """
    request_id: str = getattr(request, "request_id")  # noqa: B009 - every message handed in has the field
    if not request_id:
        return await do()
    violations = Violations()
    identifier = violations.uuid("request_id", request_id)
    violations.check()
    method = type(request).__name__.removesuffix("Request")
    fingerprint = _fingerprint(request)
    known = await tenants.remember_request(tx, tenant_id, method, identifier, fingerprint)
    if known is None:
        response = await do()
        await tenants.record_response(tx, tenant_id, method, identifier, response.SerializeToString())
        return response
    if known.fingerprint != fingerprint:
        raise invalid({"request_id": "was used before with another body; take a new one"}, CallReason.REQUEST_ID_REUSED)
    return answer.FromString(known.response)


def _fingerprint(request: Message) -> bytes:
    body = type(request)()
    body.CopyFrom(request)
    body.ClearField("request_id")  # else the same id in capitals were another body
    return hashlib.sha256(body.SerializeToString(deterministic=True)).digest()
