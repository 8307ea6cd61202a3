"""The line of life: one stream to the batch service, on which this worker beats and is told what to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

import grpc

from chassis.lifecycle import Background
from chassis.logs import get_logger
from chassis.rpc_client import CHANNEL_OPTIONS, open_channel
from chassis.tls import ChannelTls
from extractor.work.backoff import backoff
from extractor.work.cancellation import is_cancelled
from extractor.work.leases import Leases, StopCause
from quire.work.v1 import work_service_pb2 as work
from quire.work.v1.work_service_pb2_grpc import WorkServiceStub

log = get_logger()

FIRST_DELAY = 0.05
LONGEST_DELAY = 1.0
STEADY_SECONDS = 5.0

Metadata = tuple[tuple[str, str], ...]

# Retries are off because a retried stream replays old beats. Pings find a dead link in 16 s, within the 20 s lease;
# more than one in 10 s is what our server calls a flood.
_OPTIONS: dict[str, str | int] = {
    **dict(CHANNEL_OPTIONS),
    "grpc.enable_retries": 0,
    "grpc.keepalive_time_ms": 11_000,
    "grpc.keepalive_timeout_ms": 5_000,
    "grpc.http2.max_pings_without_data": 0,
}


def open_lifeline_channel(address: str, tls: ChannelTls | None = None) -> grpc.aio.Channel:
    """Open a channel for the line of life alone."""
    return open_channel(address, tls, tuple(_OPTIONS.items()))


class Lifeline(Background):
    """Beats for all held leases; attaches again at once, to any replica, when the stream breaks.

    Work goes on meanwhile. Once no beat went out for as long as a lease lasts, the leases are gone and so is the work.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        credentials: Metadata,
        hello: work.Hello,
        leases: Leases,
        *,
        beat_seconds: float,
        lease_seconds: float,
    ) -> None:
        super().__init__("lifeline", self._live)
        self._stub = WorkServiceStub(channel)
        self._credentials = credentials
        self._hello = hello
        self._leases = leases
        self._beat_seconds = beat_seconds
        self._lease_seconds = lease_seconds
        self._accepting = True
        self._hurry = asyncio.Event()
        self._beaten_at = monotonic()

    def refuse_more(self) -> None:
        """Say at once that this worker takes nothing new."""
        self._accepting = False
        self._hurry.set()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._stay_attached(), name="lifeline stream")
            both.create_task(self._watch_silence(), name="lifeline watch")

    async def _stay_attached(self) -> None:
        delays = backoff(FIRST_DELAY, LONGEST_DELAY)
        while True:
            since = monotonic()
            code = await self._attach()
            steady = monotonic() - since > STEADY_SECONDS
            log.warning("lifeline_broken", code=code, held=len(self._leases.tokens))
            if steady:
                delays = backoff(FIRST_DELAY, LONGEST_DELAY)
            else:
                await asyncio.sleep(next(delays))

    async def _attach(self) -> str:
        """Live on one stream until it ends; answers how it ended."""
        stream = self._stub.Attach(self._upward(), metadata=self._credentials)
        try:
            async for response in stream:
                for stop in response.stops:
                    self._obey(stop)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return "CANCELLED"
        finally:
            stream.cancel()
        return "OK"

    async def _upward(self) -> AsyncIterator[work.AttachRequest]:
        yield work.AttachRequest(hello=self._hello)
        log.info("lifeline_attached", worker_id=self._hello.worker_id)
        while True:
            self._hurry.clear()
            yield work.AttachRequest(beat=work.Beat(lease_tokens=self._leases.tokens, accepting=self._accepting))
            self._beaten_at = monotonic()
            await self._until_next_beat()

    async def _until_next_beat(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._beat_seconds):
                await self._hurry.wait()

    def _obey(self, stop: work.Stop) -> None:
        cancelled = stop.reason == work.STOP_REASON_CANCELLED
        cause = StopCause.CANCELLED if cancelled else StopCause.REVOKED
        log.info("stop_received", cause=cause.name)
        self._leases.stop(stop.lease_token, cause)

    async def _watch_silence(self) -> None:
        while True:
            await asyncio.sleep(self._beat_seconds / 5)
            if lost := self._leases.revoke_outlived(self._beaten_at, self._lease_seconds):
                log.error("leases_lost", held=lost)
