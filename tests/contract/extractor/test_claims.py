"""Claims against a WorkService on a real port."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import grpc
import pytest

from chassis.failures import FailureCode
from chassis.rpc_client import open_channel
from extractor.domain.extraction import DocumentFault
from extractor.domain.outcome import Gone, Unreadable, Untouched
from extractor.work.claims import Claims
from extractor.work.job import Job
from quire.work.v1.work_service_pb2 import Claim
from tests.contract.extractor.work_service import FakeWorkService, serving

JOB = Job("t1", "b1", "d1", "dispatch-1")


@asynccontextmanager
async def claims_at(address: str) -> AsyncGenerator[Claims]:
    channel = open_channel(address)
    try:
        yield Claims(channel, (("x-quire-service", "worker-token"),), "w1")
    finally:
        await channel.close()


async def test_claim_is_answered_with_all_the_worker_needs_and_carries_its_credential() -> None:
    service = FakeWorkService(claims={"dispatch-1": Claim(document_id="d1", attempt=3)})
    async with serving(service) as address, claims_at(address) as claims:
        assert await claims.claim(JOB) == Claim(document_id="d1", attempt=3)
    assert set(service.tokens) == {"worker-token"}


async def test_claim_is_gone_when_the_dispatch_is_anothers() -> None:
    service = FakeWorkService()
    async with serving(service) as address, claims_at(address) as claims:
        assert await claims.claim(JOB) == Gone()


@pytest.mark.parametrize(
    "fault", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.DEADLINE_EXCEEDED]
)
async def test_claim_is_asked_again_when_the_service_falters(fault: grpc.StatusCode) -> None:
    service = FakeWorkService(claims={"dispatch-1": Claim(document_id="d1")}, claim_faults=[fault])
    async with serving(service) as address, claims_at(address) as claims:
        assert isinstance(await claims.claim(JOB), Claim)


async def test_claim_is_unreadable_when_the_service_cannot_take_its_ids() -> None:
    service = FakeWorkService(claim_faults=[grpc.StatusCode.INVALID_ARGUMENT])
    async with serving(service) as address, claims_at(address) as claims:
        assert isinstance(await claims.claim(JOB), Unreadable)


async def test_claim_is_left_untouched_when_the_worker_drains_while_nobody_answers() -> None:
    async with claims_at("127.0.0.1:1") as claims:
        claiming = asyncio.create_task(claims.claim(JOB))
        asyncio.get_running_loop().call_later(0.3, claims.drain)
        async with asyncio.timeout(5):
            assert await claiming == Untouched()


async def test_proposal_answers_the_schema_that_was_kept() -> None:
    service = FakeWorkService(kept_schemas={"b1": '{"type": "object"}'})
    async with serving(service) as address, claims_at(address) as claims:
        assert await claims.propose_schema("b1", "token", "{}") == '{"type": "object"}'
    assert service.proposals == ["{}"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, FailureCode.OUTPUT_SCHEMA_INVALID),
        (grpc.StatusCode.NOT_FOUND, FailureCode.WORKER_LOST),
    ],
)
async def test_proposal_fails_the_document_when_it_is_not_taken(fault: grpc.StatusCode, code: FailureCode) -> None:
    service = FakeWorkService(proposal_fault=fault)
    async with serving(service) as address, claims_at(address) as claims:
        with pytest.raises(DocumentFault) as caught:
            await claims.propose_schema("b1", "token", "{}")
    assert caught.value.code == code
