"""The line of life against a WorkService on a real port."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

from extractor.work.leases import Leases, StopCause
from extractor.work.lifeline import Lifeline, open_lifeline_channel
from quire.work.v1 import work_service_pb2 as work
from tests.contract.extractor.work_service import FakeWorkService, serving

HELLO = work.Hello(worker_id="w1", slots=4, engine="builtin", model="1", provider_key="builtin")


@asynccontextmanager
async def attached(
    address: str, leases: Leases, *, beat_seconds: float = 0.2, lease_seconds: float = 20.0
) -> AsyncGenerator[Lifeline]:
    channel = open_lifeline_channel(address)
    line = Lifeline(
        channel, (("x-quire-service", "t"),), HELLO, leases, beat_seconds=beat_seconds, lease_seconds=lease_seconds
    )
    await line.start()
    try:
        yield line
    finally:
        await line.stop()
        await channel.close()


async def forever() -> None:
    await asyncio.Event().wait()


async def test_lifeline_presents_itself_then_beats_with_the_tokens_it_holds() -> None:
    service, leases = FakeWorkService(), Leases()
    with leases.hold("token-1"):
        async with serving(service) as address, attached(address, leases):
            await service.until(lambda: len(service.beats) >= 2)
    assert service.hellos == [HELLO]
    assert service.beats[-1] == work.Beat(lease_tokens=["token-1"], accepting=True)


async def test_lifeline_says_at_once_that_it_takes_nothing_new_when_it_drains() -> None:
    service = FakeWorkService()
    async with serving(service) as address, attached(address, Leases(), beat_seconds=60) as line:
        await service.until(lambda: len(service.beats) == 1)
        line.refuse_more()
        await service.until(lambda: len(service.beats) == 2)
    assert service.beats[-1].accepting is False


async def test_lifeline_stops_attempts_when_it_is_told_to() -> None:
    service, leases = FakeWorkService(), Leases()
    async with serving(service) as address, attached(address, leases):
        await service.until(lambda: len(service.beats) >= 1)
        with leases.hold("a") as first, leases.hold("b") as second:
            running = asyncio.gather(first.run(forever()), second.run(forever()))
            service.stop("a", work.STOP_REASON_CANCELLED)
            service.stop("b", work.STOP_REASON_REVOKED)
            service.stop("unknown", work.STOP_REASON_REVOKED)
            async with asyncio.timeout(2):
                causes = await running
    assert causes == [StopCause.CANCELLED, StopCause.REVOKED]


async def test_lifeline_attaches_again_within_a_second_when_the_stream_breaks() -> None:
    service, leases = FakeWorkService(), Leases()
    with leases.hold("held"):
        async with serving(service) as address, attached(address, leases):
            await service.until(lambda: len(service.beats) >= 1)
            service.beats.clear()
            broken = monotonic()
            service.break_streams()
            await service.until(lambda: len(service.hellos) == 2 and len(service.beats) >= 1)
            assert monotonic() - broken < 1.0
    assert list(service.beats[-1].lease_tokens) == ["held"]


async def test_lifeline_attaches_within_a_second_when_the_service_comes_back() -> None:
    first, second, leases = FakeWorkService(), FakeWorkService(), Leases()
    async with serving(first) as address:
        port_is_kept = address
        channel_open = attached(address, leases)
        await channel_open.__aenter__()
        await first.until(lambda: len(first.beats) >= 1)
    async with serving(second, port_is_kept):
        back = monotonic()
        await second.until(lambda: len(second.beats) >= 1)
        assert monotonic() - back < 1.5
        await channel_open.__aexit__(None, None, None)


async def test_lifeline_gives_its_leases_up_when_no_beat_went_out_for_as_long_as_they_last() -> None:
    service, leases = FakeWorkService(), Leases()
    async with serving(service) as address:
        channel_open = attached(address, leases, beat_seconds=0.1, lease_seconds=0.6)
        await channel_open.__aenter__()
        await service.until(lambda: len(service.beats) >= 1)
    with leases.hold("held") as lease:
        async with asyncio.timeout(5):
            assert await lease.run(forever()) is StopCause.REVOKED
        await channel_open.__aexit__(None, None, None)
