import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.errors import CallError
from gateway.patience import patient


async def chunks(*found: bytes) -> AsyncIterator[bytes]:
    for chunk in found:
        yield chunk


async def silence() -> AsyncIterator[bytes]:
    yield b"a"
    await asyncio.Event().wait()


async def test_patient_passes_everything_on() -> None:
    assert [chunk async for chunk in patient(chunks(b"a", b"", b"bc"))] == [b"a", b"", b"bc"]


async def test_patient_gives_up_when_nothing_comes() -> None:
    with pytest.raises(CallError, match="UPLOAD_INCOMPLETE"):
        _ = [chunk async for chunk in patient(silence(), stall_seconds=0.01)]


@pytest.mark.catalogue("H09")
async def test_patient_gives_up_on_a_trickle() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(1000):
            await asyncio.sleep(0.01)
            yield b"a"

    with pytest.raises(CallError, match="UPLOAD_INCOMPLETE"):
        _ = [chunk async for chunk in patient(trickle(), stall_seconds=0.05)]


async def test_patient_does_not_count_time_spent_on_the_reader() -> None:
    async def slowly() -> list[bytes]:
        found: list[bytes] = []
        async for chunk in patient(chunks(*[b"a"] * 5), stall_seconds=0.03):
            await asyncio.sleep(0.01)
            found.append(chunk)
        return found

    assert await slowly() == [b"a"] * 5
