"""The door: what is told, what is acknowledged, and in which order."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from chassis.amqp import PublishFailed
from chassis.topology import DOCUMENT_EXTRACTED, DOCUMENT_FAILED, DOCUMENT_RELEASED
from extractor.deliveries.extract_document import ExtractDocument
from extractor.domain.outcome import Gone
from extractor.work import events as events_module
from extractor.work.events import Events
from extractor.work.leases import Leases, StopCause
from quire.events.v1 import progress_pb2
from quire.jobs.v1 import jobs_pb2
from quire.work.v1.work_service_pb2 import Claim
from tests.unit.extractor.work.builders import FakeEngine, World, a_claim


@dataclass
class Publisher:
    failures: int = 0
    published: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    log: list[str] = field(default_factory=list[str])
    failed: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, exchange: object, routing_key: str, body: bytes) -> None:
        if self.failures:
            self.failures -= 1
            self.failed.set()
            raise PublishFailed("down")
        self.published.append((routing_key, body))
        self.log.append("published")


@dataclass
class Claims:
    answer: Claim | Gone = field(default_factory=a_claim)
    asked: int = 0

    async def claim(self, job: object) -> Claim | Gone:
        self.asked += 1
        return self.answer


@dataclass
class Delivery:
    log: list[str]
    body: bytes = jobs_pb2.ExtractDocument(
        tenant_id="t1", batch_id="b1", document_id="d1", dispatch_id="x1"
    ).SerializeToString()

    async def ack(self) -> None:
        self.log.append("acked")

    async def reject(self, *, requeue: bool) -> None:
        self.log.append("requeued" if requeue else "rejected")


@dataclass
class Door:
    world: World = field(default_factory=World)
    claims: Claims = field(default_factory=Claims)
    leases: Leases = field(default_factory=Leases)
    publisher: Publisher = field(default_factory=Publisher)

    def __post_init__(self) -> None:
        claims: Any = self.claims
        publisher: Any = self.publisher
        self.handle = ExtractDocument(self.world.bench(), claims, self.leases, Events(publisher))

    async def deliver(self, body: bytes | None = None) -> None:
        delivery: Any = Delivery(self.publisher.log) if body is None else Delivery(self.publisher.log, body)
        await self.handle(delivery)


async def test_door_acknowledges_only_after_the_outcome_is_confirmed() -> None:
    door = Door()
    await door.deliver()
    assert door.publisher.log == ["published", "acked"]
    assert door.publisher.published[0][0] == DOCUMENT_EXTRACTED
    assert door.leases.tokens == []


async def test_door_publishes_again_until_it_is_confirmed(monkeypatch: Any) -> None:
    monkeypatch.setattr(events_module, "FIRST_DELAY", 0.001)
    door = Door(publisher=Publisher(failures=3))
    await door.deliver()
    assert door.publisher.log == ["published", "acked"]


async def test_door_rejects_a_body_nobody_can_read() -> None:
    door = Door()
    await door.deliver(b"garbage")
    assert door.publisher.log == ["rejected"]
    assert door.claims.asked == 0


async def test_door_forgets_a_job_that_is_gone() -> None:
    door = Door(claims=Claims(answer=Gone()))
    await door.deliver()
    assert door.publisher.log == ["acked"]


async def test_door_runs_a_dispatch_once_when_it_is_delivered_again() -> None:
    door = Door()
    await door.deliver()
    await door.deliver()
    assert door.claims.asked == 1
    assert door.publisher.log == ["published", "acked", "acked"]


async def stopped_with(cause: StopCause) -> Door:
    door = Door(world=World(engine=FakeEngine(hangs=True)))
    running = asyncio.create_task(door.deliver())
    await door.world.engine.asked.wait()
    door.leases.stop("lease-1", cause)
    async with asyncio.timeout(2):
        await running
    return door


async def test_door_tells_of_a_cancelled_attempt() -> None:
    door = await stopped_with(StopCause.CANCELLED)
    [(routing_key, body)] = door.publisher.published
    assert routing_key == DOCUMENT_FAILED
    assert progress_pb2.DocumentFailed.FromString(body).code == "CANCELLED"
    assert door.publisher.log == ["published", "acked"]


async def test_door_gives_a_drained_attempt_back() -> None:
    door = await stopped_with(StopCause.DRAINED)
    [(routing_key, body)] = door.publisher.published
    assert routing_key == DOCUMENT_RELEASED
    assert not progress_pb2.DocumentReleased.FromString(body).code


async def test_door_says_nothing_of_a_revoked_attempt() -> None:
    door = await stopped_with(StopCause.REVOKED)
    assert door.publisher.log == ["acked"]


async def test_door_stops_telling_when_the_lease_is_lost_meanwhile() -> None:
    door = Door(publisher=Publisher(failures=1_000_000))
    running = asyncio.create_task(door.deliver())
    await door.publisher.failed.wait()
    assert door.leases.tokens == ["lease-1"]
    door.leases.stop("lease-1", StopCause.REVOKED)
    async with asyncio.timeout(2):
        await running
    assert door.publisher.log == ["acked"]
