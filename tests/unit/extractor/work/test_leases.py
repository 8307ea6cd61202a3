"""Leases stop what runs under them, and only that."""

import asyncio

import pytest

from extractor.work.leases import Lease, Leases, StopCause


async def forever() -> None:
    await asyncio.Event().wait()


async def seven() -> int:
    return 7


async def test_lease_answers_what_the_work_comes_to() -> None:
    assert await Lease("t").run(seven()) == 7


async def test_lease_answers_the_cause_when_the_work_is_stopped() -> None:
    lease = Lease("t")
    asyncio.get_running_loop().call_soon(lease.stop, StopCause.CANCELLED)
    assert await lease.run(forever()) is StopCause.CANCELLED


async def test_lease_stops_work_at_once_when_it_was_stopped_before() -> None:
    lease = Lease("t")
    lease.stop(StopCause.CANCELLED)
    assert await lease.run(forever()) is StopCause.CANCELLED


async def test_lease_keeps_the_first_cause_but_a_revocation_overrules() -> None:
    lease = Lease("t")
    lease.stop(StopCause.CANCELLED)
    lease.stop(StopCause.DRAINED)
    assert lease.cause is StopCause.CANCELLED
    lease.stop(StopCause.REVOKED)
    assert lease.lost


async def test_lease_lets_a_cancellation_of_its_holder_through() -> None:
    lease = Lease("t")
    running = asyncio.create_task(lease.run(forever()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_lease_ends_a_pause_when_it_is_lost() -> None:
    lease = Lease("t")
    asyncio.get_running_loop().call_soon(lease.stop, StopCause.REVOKED)
    async with asyncio.timeout(2):
        await lease.pause(60)


async def test_leases_hold_a_token_only_inside_the_block() -> None:
    leases = Leases()
    with leases.hold("a"):
        assert leases.tokens == ["a"]
    assert leases.tokens == []
    leases.stop("a", StopCause.REVOKED)


async def test_leases_give_back_what_is_claimed_after_the_drain_began() -> None:
    leases = Leases()
    assert leases.drain() == 0
    with leases.hold("late") as lease:
        assert await lease.run(forever()) is StopCause.DRAINED


async def test_leases_lose_what_was_neither_granted_nor_beaten_for_in_time() -> None:
    leases = Leases()
    with leases.hold("old") as old, leases.hold("fresh") as fresh:
        old.granted_at -= 30.0
        assert leases.revoke_outlived(beaten_at=old.granted_at, lease_seconds=20.0) == 1
        assert old.lost
        assert not fresh.lost, "a lease granted while no beat goes out is as fresh as any"


async def test_leases_keep_what_was_beaten_for_in_time() -> None:
    leases = Leases()
    with leases.hold("old") as old:
        beaten_at = old.granted_at
        old.granted_at -= 30.0
        assert leases.revoke_outlived(beaten_at, lease_seconds=20.0) == 0
        assert not old.lost
