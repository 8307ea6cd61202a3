"""The processes once everything is quiet: alive, and no fatter than before (I29, I30)."""

from collections.abc import Iterator

from tests.chaos.checker.ground import Footprint, Ground, footprint
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import Violation


def violations(ground: Ground) -> list[Violation]:
    """Every process that is gone or has grown; how much each has grown is noted."""
    found = list[Violation]()
    for name, process in ground.processes.items():
        try:
            now = footprint(process.pid)
        except (OSError, ValueError):  # gone, or a zombie, which has no memory
            found.append(Violation("I29", OTHER, name, f"process {process.pid} is gone"))
            continue
        if process.before is not None:
            ground.notes.append(f"I30: {name} {described(process.before)} -> {described(now)}")
            found += growth(ground, name, process.before, now)
    return found


def growth(ground: Ground, name: str, before: Footprint, now: Footprint) -> Iterator[Violation]:
    """I30."""
    if now.rss_bytes > before.rss_bytes * (1 + ground.growth) + ground.rss_slack_bytes:
        yield Violation("I30", OTHER, name, f"memory grew: {described(before)} -> {described(now)}")
    if now.open_files > before.open_files * (1 + ground.growth) + ground.open_files_slack:
        yield Violation("I30", OTHER, name, f"open files grew: {described(before)} -> {described(now)}")


def described(one: Footprint) -> str:
    """For a person."""
    return f"{one.rss_bytes / 2**20:.0f} MiB, {one.open_files} files"
