"""The interceptor between doors and the wire: one place that turns what a door raises into a status."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from chassis.errors import STATUS_DETAILS_KEY, CallError, internal, to_status
from chassis.logs import bind, get_logger

log = get_logger()

ADMITTED_SECONDS = 30.0
"""How long a stream answers on the strength of one look at its credential, which may be revoked meanwhile."""

Context = grpc.aio.ServicerContext[Any, Any]
Enter = Callable[[str, Context], Awaitable[None]]
"""Runs before each call with its full method name; raises CallError to refuse."""
Translate = Callable[[BaseException], CallError | None]
"""Turns an exception of a library into a CallError, or answers None."""


class FaultInterceptor(grpc.aio.ServerInterceptor):
    """Authenticates by `enter`, binds the method to the logs, and answers every fault as a rich status."""

    def __init__(self, enter: Enter, translate: Translate, admitted_seconds: float = ADMITTED_SECONDS) -> None:
        self._enter = enter
        self._admitted_seconds = admitted_seconds
        self._translate = translate

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc."):
            return handler
        return self._wrap(method, handler)

    def _wrap(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._answer(method, handler.unary_unary), **codec)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._answer(method, handler.stream_unary), **codec)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream), **codec)
        return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream), **codec)

    def _answer(self, method: str, behavior: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            with bind(method=method):
                try:
                    await self._enter(method, context)
                    return await behavior(request, context)
                except Exception as error:  # noqa: BLE001 - the outermost wall
                    await self._abort(error, context)

        return answer

    def _stream(self, method: str, behavior: Any) -> Any:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            with bind(method=method):
                try:
                    admitted_until = await self._admit(method, context)
                    async for response in behavior(request, context):
                        if time.monotonic() >= admitted_until:
                            admitted_until = await self._admit(method, context)
                        yield response
                except Exception as error:  # noqa: BLE001 - the outermost wall
                    await self._abort(error, context)

        return stream

    async def _admit(self, method: str, context: Context) -> float:
        await self._enter(method, context)
        return time.monotonic() + self._admitted_seconds

    async def _abort(self, error: Exception, context: Context) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        status = to_status(self._call_error(error))
        await context.abort(
            _code(status.code), status.message, trailing_metadata=((STATUS_DETAILS_KEY, status.SerializeToString()),)
        )

    def _call_error(self, error: Exception) -> CallError:
        known = error if isinstance(error, CallError) else self._translate(error)
        if known is not None:
            log.info("call_refused", code=known.code.name, reason=str(known.reason), about=dict(known.metadata))
            return known
        incident = uuid.uuid4().hex[:12]
        log.error("call_failed", incident=incident, exc_info=error)
        return internal(incident)


_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def _code(number: int) -> grpc.StatusCode:
    return _CODES[number]
