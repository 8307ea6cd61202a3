"""Documents, attempts, events and queues for the tests of the pure rules."""

import importlib.resources
from uuid import UUID

from batch.domain.events import Event, Extracted, Failed, Lost, Progressed, Ref, Released, Spent, Stage, TimedOut
from batch.domain.fold import DocumentState, fold
from batch.domain.scheduling import TenantQueue, Waiting
from batch.domain.status import Counters, DocumentStatus
from batch.domain.tiers import parse_rules
from chassis.failures import FailureCode

DOCUMENT, TENANT, BATCH = UUID(int=1), UUID(int=2), UUID(int=3)
RULES = parse_rules(importlib.resources.files("batch.domain").joinpath("tiers.toml").read_text("utf-8"))


def a_token(attempt: int) -> UUID:
    return UUID(int=1000 + attempt)


def a_ref(attempt: int = 1, generation: int = 0, token: UUID | None = None) -> Ref:
    return Ref(DOCUMENT, attempt, token or a_token(attempt), generation)


def running(
    attempt: int = 1, *, cancelled: bool = False, failures: int = 0, losses: int = 0, pages_total: int = 0
) -> DocumentState:
    return DocumentState(
        id=DOCUMENT,
        tenant_id=TENANT,
        batch_id=BATCH,
        status=DocumentStatus.PROCESSING,
        attempt=attempt,
        lease_token=a_token(attempt),
        retry_generation=0,
        cancel_requested=cancelled,
        max_failures=3,
        stage=Stage.FETCH,
        pages_total=pages_total,
        failures=failures,
        losses=losses,
    )


def standing(status: DocumentStatus, attempt: int = 1) -> DocumentState:
    return DocumentState(
        id=DOCUMENT,
        tenant_id=TENANT,
        batch_id=BATCH,
        status=status,
        attempt=attempt,
        lease_token=None,
        retry_generation=0,
        cancel_requested=False,
        max_failures=3,
    )


def progressed(ref: Ref, stage: Stage = Stage.PARSE, done: int = 0, total: int = 0) -> Progressed:
    return Progressed(ref, stage, done, total)


def extracted(ref: Ref, pages: int = 3) -> Extracted:
    return Extracted(ref, f"result-{ref.attempt}", "ab" * 32, 10, pages, "text/plain", 1, Spent(5, 2, 7))


def failed(ref: Ref, code: FailureCode = FailureCode.OUTPUT_SCHEMA_INVALID, pages: int = 0) -> Failed:
    return Failed(ref, code, "why", Stage.EXTRACT, pages, spent=Spent(5, 2, 7))


def released(ref: Ref, code: FailureCode | None = None, retry_after: float = 0.0) -> Released:
    return Released(ref, code, "later", retry_after)


def lost(ref: Ref) -> Lost:
    return Lost(ref)


def timed_out(ref: Ref) -> TimedOut:
    return TimedOut(ref)


def counted(**numbers: int) -> Counters:
    return Counters(total=sum(numbers.values()), **numbers)


def a_queue(tenant: int, documents: int, *, weight: int = 1, free: int = 1_000_000, size: int = 20_000) -> TenantQueue:
    waiting = [Waiting(UUID(int=tenant * 1_000_000 + number), size) for number in range(documents)]
    return TenantQueue(UUID(int=tenant), weight, free, waiting)


def after(state: DocumentState, *events: Event) -> DocumentState:
    for event in events:
        state = fold(state, event, 0.5).state
    return state
