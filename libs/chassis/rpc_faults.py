"""The interceptor between doors and the wire: it admits calls and turns what a door raises into a status."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from chassis.admission import Admission
from chassis.errors import STATUS_DETAILS_KEY, CallError, internal, out_of_time, to_status, unauthenticated
from chassis.logs import bind, get_logger
from chassis.rpc_client import AUTHORIZATION_KEY, SERVICE_TOKEN_KEY
from chassis.rpc_messages import checked, each_checked, tolerant

log = get_logger()

ADMITTED_SECONDS = 30.0
"""How long a stream answers on the strength of one look at its credential, which may be revoked meanwhile."""
CALL_SECONDS = 30.0
"""No call with one request and one answer takes longer, whatever its caller would allow."""

Context = grpc.aio.ServicerContext[Any, Any]
Enter = Callable[[str, Context], Awaitable[None]]
"""Runs before each call with its full method name; raises CallError to refuse."""
Translate = Callable[[BaseException], CallError | None]
"""Turns an exception of a library into a CallError, or answers None."""


class FaultInterceptor(grpc.aio.ServerInterceptor):
    """Admits, authenticates by `enter`, binds the method to the logs, and answers every fault as a rich status."""

    def __init__(
        self,
        enter: Enter,
        translate: Translate,
        admission: Admission | None = None,
        *,
        admitted_seconds: float = ADMITTED_SECONDS,
    ) -> None:
        self._enter = enter
        self._admitted_seconds = admitted_seconds
        self._translate = translate
        self._admission = admission

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
            "request_deserializer": tolerant(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._answer(method, _in_time(handler.unary_unary)), **codec)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._answer(method, _of_many(handler.stream_unary)), **codec)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, _of_one(handler.unary_stream)), **codec)
        return grpc.stream_stream_rpc_method_handler(self._stream(method, _of_many(handler.stream_stream)), **codec)

    def _answer(self, method: str, behavior: Any) -> Any:
        async def answer(request: Any, context: Context) -> Any:
            with bind(method=method):
                try:
                    async with self._entered(method, context, is_stream=False):
                        return await behavior(request, context)
                except Exception as error:  # noqa: BLE001 - the outermost wall
                    await self._abort(error, context)

        return answer

    def _stream(self, method: str, behavior: Any) -> Any:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            with bind(method=method):
                try:
                    async with self._entered(method, context, is_stream=True):
                        entered_at = time.monotonic()
                        async for response in behavior(request, context):
                            if time.monotonic() - entered_at >= self._admitted_seconds:
                                await self._enter(method, context)
                                entered_at = time.monotonic()
                            yield response
                except Exception as error:  # noqa: BLE001 - the outermost wall
                    await self._abort(error, context)

        return stream

    @asynccontextmanager
    async def _entered(self, method: str, context: Context, *, is_stream: bool) -> AsyncGenerator[None]:
        """Shed what is too much before anything is looked up; then ask who it is, and whether it is too much of one."""
        _refuse_doubles(context)
        if self._admission is None or not self._admission.is_shed(method):
            await self._enter(method, context)
            yield
            return
        places = self._admission.streams if is_stream else self._admission.calls
        with places.one() as own:
            await self._enter(method, context)
            own(self._admission.owner(context))
            yield

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


def _in_time(behavior: Any) -> Any:
    async def answer(request: Any, context: Context) -> Any:
        limit = asyncio.timeout(CALL_SECONDS)
        try:
            async with limit:
                return await behavior(checked(request), context)
        except TimeoutError as error:
            if limit.expired():
                raise out_of_time(CALL_SECONDS) from error
            raise

    return answer


def _of_one(behavior: Any) -> Any:
    def answers(request: Any, context: Context) -> Any:
        return behavior(checked(request), context)

    return answers


def _of_many(behavior: Any) -> Any:
    def answers(requests: Any, context: Context) -> Any:
        return behavior(each_checked(requests), context)

    return answers


def _refuse_doubles(context: Context) -> None:
    """Which of two credentials counts is nothing to guess at."""
    keys = [key for key, _ in context.invocation_metadata() or ()]
    for key in (AUTHORIZATION_KEY, SERVICE_TOKEN_KEY):
        if keys.count(key) > 1:
            raise unauthenticated(f"{key} stands in the metadata twice")


_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def _code(number: int) -> grpc.StatusCode:
    return _CODES[number]
