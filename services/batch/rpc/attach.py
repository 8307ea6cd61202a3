"""WorkService.Attach: a worker's line of life (DESIGN §3.5)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from uuid import UUID, uuid4

from batch.settings import BatchSettings
from batch.store import claims
from batch.store.claims import Worker
from batch.store.database import Database, is_transient
from batch.wire.fields import Violations
from chassis.errors import CallError, invalid, unavailable
from chassis.failpoints import Point, reach
from chassis.lifecycle import cancel_and_wait
from chassis.logs import get_logger
from quire.work.v1 import work_service_pb2
from quire.work.v1.work_service_pb2 import AttachRequest, AttachResponse, Beat, Hello

log = get_logger()

SCAN_SECONDS = 0.25


class _Line:
    """One attached worker."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.stops: asyncio.Queue[AttachResponse | CallError | None] = asyncio.Queue()
        self.told: set[UUID] = set()

    def stop(self, tokens: Iterable[UUID], reason: work_service_pb2.StopReason.ValueType) -> None:
        """Ask the worker to stop attempts it was not asked to stop before."""
        fresh = set(tokens) - self.told
        if fresh:
            self.told |= fresh
            stops = [work_service_pb2.Stop(lease_token=str(token), reason=reason) for token in fresh]
            self.stops.put_nowait(work_service_pb2.AttachResponse(stops=stops))


class Attach:
    """Holds the lines of the workers attached to this replica."""

    def __init__(self, database: Database, settings: BatchSettings) -> None:
        self._database = database
        self._lease_seconds = settings.lease_seconds
        self._lines: set[_Line] = set()
        self._closing = False

    async def __call__(self, requests: AsyncIterator[AttachRequest], _: object) -> AsyncGenerator[AttachResponse]:
        """Answer stops for as long as the worker holds the line."""
        if self._closing:
            raise unavailable("this replica, which is being replaced,", 0.1)
        line = _Line(_worker(await anext(requests, None)))
        async with self._database.engine() as tx:
            await claims.attach(tx, line.worker)
        self._lines.add(line)
        log.info("worker_attached", worker=line.worker.id, slots=line.worker.slots)
        listening = asyncio.create_task(self._listen(line, requests))
        try:
            while (stop := await line.stops.get()) is not None:
                if isinstance(stop, CallError):
                    raise stop
                yield stop
        finally:
            self._lines.discard(line)
            # Begun before anything is awaited: whoever cancels this call again must not keep it from being noted.
            detaching = asyncio.create_task(self._detach(line), name="detach")
            await cancel_and_wait(listening)
            await asyncio.shield(detaching)

    async def _listen(self, line: _Line, requests: AsyncIterator[AttachRequest]) -> None:
        try:
            async for request in requests:
                await self._beat(line, _beat(request))
        except CallError as error:
            line.stops.put_nowait(error)
        finally:
            line.stops.put_nowait(None)

    async def _beat(self, line: _Line, beat: Beat) -> None:
        violations = Violations()
        tokens = [violations.uuid("lease_tokens", token) for token in beat.lease_tokens]
        violations.check()
        try:
            async with self._database.engine() as tx:
                await claims.beat(tx, line.worker.id, line.worker.session, accepting=beat.accepting)
                held = await claims.renew(tx, tokens, line.worker.id, self._lease_seconds) if tokens else set[UUID]()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("beat_not_recorded", worker=line.worker.id, error=repr(error))
            return
        line.stop(set(tokens) - held, work_service_pb2.STOP_REASON_REVOKED)

    async def _detach(self, line: _Line) -> None:
        if self._closing:
            return
        log.info("worker_detached", worker=line.worker.id)
        try:
            async with self._database.engine() as tx:
                await claims.detach(tx, line.worker.id, line.worker.session)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("detach_not_recorded", worker=line.worker.id, error=repr(error))

    async def run(self) -> None:
        """Tell workers what their owners cancelled, for ever: one query for all lines of this replica."""
        while True:
            await asyncio.sleep(SCAN_SECONDS)
            if self._lines:
                await self._scan()

    async def _scan(self) -> None:
        try:
            async with self._database.engine() as tx:
                cancelled = await claims.cancelled_tokens(tx, [line.worker.id for line in self._lines])
        except Exception as error:
            if not is_transient(error):
                raise
            return
        if cancelled:
            await reach(Point.B9)
        for line in self._lines:
            line.stop(cancelled.get(line.worker.id, ()), work_service_pb2.STOP_REASON_CANCELLED)

    async def close(self) -> None:
        """End every line without marking anything lost: a replica that stops is nobody's fault."""
        self._closing = True
        for line in self._lines:
            line.stops.put_nowait(None)


def _beat(request: AttachRequest) -> Beat:
    if not request.HasField("beat"):
        raise invalid({"beat": "is all that may follow the hello"})
    return request.beat


def _worker(first: AttachRequest | None) -> Worker:
    if first is None or not first.HasField("hello"):
        raise invalid({"hello": "must be the first message"})
    hello: Hello = first.hello
    violations = Violations()
    violations.text("hello.worker_id", hello.worker_id, 200, required=True)
    violations.within("hello.slots", hello.slots, 1, 10_000)
    for name in ("engine", "model", "provider_key"):
        violations.text(f"hello.{name}", getattr(hello, name), 200)
    violations.check()
    return Worker(hello.worker_id, uuid4(), hello.slots, hello.engine, hello.model, hello.provider_key)
