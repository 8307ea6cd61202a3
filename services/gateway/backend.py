"""Calls to the batch service: the caller's credential goes along, unary calls have deadlines, faults are CallErrors."""

import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import grpc
from google.protobuf.message import Message

from chassis.errors import (
    STATUS_DETAILS_KEY,
    CallError,
    CallReason,
    from_rpc_error,
    internal,
    not_implemented,
    unavailable,
)
from chassis.logs import get_logger
from chassis.rpc_client import AUTHORIZATION_KEY, SERVICE_TOKEN_KEY
from quire.batch.v1.batch_service_pb2_grpc import BatchServiceStub
from quire.intake.v1.intake_service_pb2_grpc import IntakeServiceStub

if TYPE_CHECKING:  # these exist for type checkers alone
    from quire.batch.v1.batch_service_pb2_grpc import BatchServiceAsyncStub
    from quire.intake.v1.intake_service_pb2_grpc import IntakeServiceAsyncStub

log = get_logger()

DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 2.0
Asked = TypeVar("Asked", bound=Message)
Answer = TypeVar("Answer", bound=Message)
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the batch service will judge it."""

    authorization: str
    """The whole header value, `Bearer <credential>`."""

    @property
    def credential(self) -> str:
        """An API key or a token."""
        return self.authorization.partition(" ")[2]

    @property
    def metadata(self) -> Metadata:
        """What goes along with each call."""
        return ((AUTHORIZATION_KEY, self.authorization),)


class Backend:
    """The batch service as the doors of the gateway see it."""

    def __init__(self, channel: grpc.aio.Channel, service_token: str) -> None:
        self._channel = channel
        self._service: Metadata = ((SERVICE_TOKEN_KEY, service_token),)
        self.batch: BatchServiceAsyncStub = BatchServiceStub(channel)
        self.intake: IntakeServiceAsyncStub = IntakeServiceStub(channel)

    async def ask(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Asked, Answer], request: Asked, caller: Caller
    ) -> Answer:
        """Ask for one answer on behalf of a caller; raises CallError."""
        return await self._ask(method, request, caller.metadata)

    async def ask_as_gateway(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Asked, Answer], request: Asked, caller: Caller
    ) -> Answer:
        """Ask with the gateway's own credential beside the caller's; raises CallError."""
        return await self._ask(method, request, caller.metadata + self._service)

    async def _ask(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Asked, Answer], request: Asked, metadata: Metadata
    ) -> Answer:
        try:
            return await method(request, metadata=metadata, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error

    async def stream(
        self, method: grpc.aio.UnaryStreamMultiCallable[Asked, Answer], request: Asked, caller: Caller
    ) -> AsyncGenerator[Answer, None]:
        """Ask for a stream of answers; leaving it cancels the call. Raises CallError."""
        call = method(request, metadata=caller.metadata)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        finally:
            call.cancel()

    async def wait_until_ready(self) -> None:
        """Return once a connection stands; wait no longer than the caller lets it."""
        state = self._channel.get_state(try_to_connect=True)
        while state is not grpc.ChannelConnectivity.READY:
            await self._channel.wait_for_state_change(state)
            state = self._channel.get_state(try_to_connect=True)


def call_error(error: grpc.aio.AioRpcError) -> CallError:
    """What went wrong, in words that may leave the house: a status without details names addresses and internals."""
    if any(key == STATUS_DETAILS_KEY for key, _ in error.trailing_metadata() or ()):
        return from_rpc_error(error)
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return unavailable("the batch service", RETRY_SECONDS)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            message = (
                f"the batch service did not answer within {DEADLINE_SECONDS:g} s; ask what came of it, or try again"
            )
            return CallError(error.code(), CallReason.SERVICE_UNAVAILABLE, message, retry_after=RETRY_SECONDS)
        case grpc.StatusCode.UNIMPLEMENTED:
            return not_implemented("this call")
        case _:
            return _incident(error)


def _incident(error: grpc.aio.AioRpcError) -> CallError:
    incident = uuid.uuid4().hex[:12]
    log.error("batch_call_failed", incident=incident, code=error.code().name, details=error.details())
    return internal(incident)
