import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.cage import Cage
from extractor.parse.limits import ParseLimits

SLOW = b"<html>" + b"<div>" * 100_000
"""Takes the HTML parser half a minute: its nesting costs quadratic time."""


@pytest.fixture
async def cage() -> AsyncIterator[Cage]:
    cage = Cage(2)
    await cage.start()
    yield cage
    await cage.close()


def written(folder: Path, content: bytes, name: str = "x.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


async def under_way(cage: Cage, path: Path, limits: ParseLimits | None = None) -> tuple["asyncio.Task[object]", int]:
    """A parse that has been handed to a child, and the child."""
    idle = cage.idle_pids
    parsing: asyncio.Task[object] = asyncio.create_task(cage.parse(path, path.name, limits or ParseLimits()))
    await asyncio.sleep(0)
    (pid,) = idle - cage.idle_pids
    return parsing, pid


async def fault_of(parsing: "asyncio.Task[object]") -> FailureCode:
    with pytest.raises(DocumentFault) as caught:
        await parsing
    return caught.value.code


async def test_cage_parses_in_a_child(cage: Cage, tmp_path: Path) -> None:
    document = await cage.parse(written(tmp_path, b"a,b\n1,2\n"), "x.csv", ParseLimits())
    assert document.media_type == "text/csv"
    assert document.pages[0].number == 1
    assert document.pages[0].tables == ((("a", "b"), ("1", "2")),)


async def test_cage_hands_on_the_fault_and_keeps_the_child(cage: Cage, tmp_path: Path) -> None:
    before = cage.pids
    parsing, _ = await under_way(cage, written(tmp_path, b"MZ" + bytes(100), "x.pdf"))
    assert await fault_of(parsing) is FailureCode.UNSUPPORTED_TYPE
    assert cage.pids == before


async def test_cage_parses_many_documents_at_once_with_two_children(cage: Cage, tmp_path: Path) -> None:
    before = cage.pids
    paths = [written(tmp_path, f"document {number}".encode(), f"{number}.txt") for number in range(20)]
    documents = await asyncio.gather(*(cage.parse(path, path.name, ParseLimits()) for path in paths))
    assert [document.pages[0].text for document in documents] == [f"document {number}" for number in range(20)]
    assert cage.pids == before


async def test_cage_kills_a_child_when_it_takes_too_long(cage: Cage, tmp_path: Path) -> None:
    parsing, pid = await under_way(cage, written(tmp_path, SLOW), ParseLimits(wall_seconds=0.3))
    assert await fault_of(parsing) is FailureCode.RESOURCE_LIMIT
    await ended(pid)


async def test_cage_bounds_the_processor_time_of_each_document(cage: Cage, tmp_path: Path) -> None:
    parsing, pid = await under_way(cage, written(tmp_path, SLOW), ParseLimits(cpu_seconds=1))
    assert await fault_of(parsing) is FailureCode.RESOURCE_LIMIT
    await ended(pid)


async def test_cage_says_crash_when_a_child_dies_and_harms_no_neighbour(cage: Cage, tmp_path: Path) -> None:
    slow = written(tmp_path, SLOW)
    crashing, first = await under_way(cage, slow)
    neighbour, second = await under_way(cage, slow, ParseLimits(wall_seconds=1.0))
    os.kill(first, signal.SIGSEGV)
    assert await fault_of(crashing) is FailureCode.PARSER_CRASH
    assert second in cage.pids
    assert await fault_of(neighbour) is FailureCode.RESOURCE_LIMIT
    document = await cage.parse(written(tmp_path, b"next", "next.txt"), "next.txt", ParseLimits())
    assert document.pages[0].text == "next"


async def test_cage_replaces_a_child_that_died_between_documents(cage: Cage, tmp_path: Path) -> None:
    for pid in cage.pids:
        os.kill(pid, signal.SIGKILL)
        await ended(pid)
    assert not cage.pids
    assert (await cage.parse(written(tmp_path, b"text"), "x.txt", ParseLimits())).pages[0].text == "text"


async def test_cage_kills_the_child_when_its_caller_gives_up(cage: Cage, tmp_path: Path) -> None:
    parsing, pid = await under_way(cage, written(tmp_path, SLOW))
    parsing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parsing
    await ended(pid)
    assert pid not in cage.pids


async def test_cage_replaces_a_child_after_its_share_of_documents(tmp_path: Path) -> None:
    cage = Cage(1, documents_per_child=2)
    path = written(tmp_path, b"text")
    pids: list[int] = []
    for _ in range(4):
        await cage.start()
        pids += cage.pids
        await cage.parse(path, "x.txt", ParseLimits())
    await cage.close()
    assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_cage_replaces_a_child_that_keeps_too_much_memory(tmp_path: Path) -> None:
    cage = Cage(1, resident_bytes=1)
    await cage.parse(written(tmp_path, b"text"), "x.txt", ParseLimits())
    assert not cage.pids
    await cage.close()


async def test_cage_ends_its_children_and_what_they_do_when_it_closes(tmp_path: Path) -> None:
    cage = Cage(2)
    await cage.start()
    pids = cage.pids
    parsing, _ = await under_way(cage, written(tmp_path, SLOW))
    await cage.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert await fault_of(parsing) is FailureCode.INTERNAL


async def test_cage_gives_its_children_no_secrets(cage: Cage) -> None:
    assert [environment_of(pid) for pid in cage.pids] == [b"", b""]


async def test_cage_builds_all_walls_it_can(cage: Cage) -> None:
    assert "seccomp" in cage.walls


async def test_cage_stops_a_frozen_child_too(cage: Cage, tmp_path: Path) -> None:
    parsing, pid = await under_way(cage, written(tmp_path, SLOW), ParseLimits(wall_seconds=0.3))
    os.kill(pid, signal.SIGSTOP)
    assert await fault_of(parsing) is FailureCode.RESOURCE_LIMIT
    await ended(pid)


async def test_children_die_with_their_worker() -> None:
    program = (
        "import asyncio; from extractor.parse.cage import Cage\n"
        "async def main():\n"
        "    cage = Cage(1); await cage.start(); print(*cage.pids, flush=True); await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert worker.stdout is not None
    child = int(await worker.stdout.readline())
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    await ended(child)


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def ended(pid: int) -> None:
    """Wait until the process has ended, at most ten seconds."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            readable, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 10)
            assert readable, f"{pid} still lives"
        finally:
            os.close(handle)
