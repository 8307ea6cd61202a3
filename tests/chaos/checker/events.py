"""What a subscriber heard, against the rows (I10, I11, I13). It must have subscribed before the first batch."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from math import inf

from tests.chaos.checker.facts import FINAL_BATCH, BatchFact, Facts
from tests.chaos.checker.faults import forgot
from tests.chaos.checker.verdict import DUPLICATED, WRONG
from tests.chaos.records import FaultLog, Records, Seen, Violation

TERMINAL_TYPES = frozenset(f"batch.{status.lower()}.v1" for status in FINAL_BATCH)
NAMED = 5


def violations(records: Records, facts: Facts, forgetful: Collection[str] = ()) -> list[Violation]:
    """Every lie and every silence."""
    heard = defaultdict[str, list[Seen]](list)
    for event in records.subscriber.seen:
        heard[event.batch_id].append(event)
    strangers = sorted(set(heard) - set(facts.batches))
    found = [Violation("I11", WRONG, batch_id, "events tell of a batch that is not there") for batch_id in strangers]
    for row in facts.batches.values():
        found += _of_batch(row, heard[row.id], _Memory(records.faults, forgetful))
    return found


class _Memory:
    """What the broker may have forgotten."""

    def __init__(self, faults: FaultLog, forgetful: Collection[str]) -> None:
        self._faults = faults
        self._forgetful = forgetful

    def excuses(self, number: int, heard: Sequence[Seen]) -> bool:
        """Whether an event of a batch was due while the broker was made to forget."""
        before = [event.at for event in heard if event.sequence < number]
        after = [event.at for event in heard if event.sequence > number]
        return forgot(self._faults, self._forgetful, max(before, default=-inf), max(after, default=inf))


def _of_batch(row: BatchFact, heard: Sequence[Seen], memory: _Memory) -> Iterator[Violation]:
    yield from _ghosts(row, heard)
    yield from _identity(row, heard)
    yield from _terminal(row, heard, memory)
    yield from _numbers(row, heard, memory)


def _terminal(row: BatchFact, heard: Sequence[Seen], memory: _Memory) -> Iterator[Violation]:
    """One terminal id for each retry generation that ended, and silence after it."""
    for generation in range(row.retry_generation + 1):
        told = [event for event in heard if event.retry_generation == generation]
        terminal = [event for event in told if event.event_type in TERMINAL_TYPES]
        ids = {event.event_id for event in terminal}
        ended = row.final or generation < row.retry_generation
        if len(ids) > 1:
            yield Violation("I10", DUPLICATED, row.id, f"generation {generation} has {len(ids)} terminal ids")
        # A log that was lost is told the ends again, but for those of batches whose contents are purged.
        excused = row.deleted and memory.excuses(_last(row, generation, heard), heard)
        if ended and not ids and not excused:
            yield Violation("I10", WRONG, row.id, f"the end of generation {generation} was never told")
        if terminal and max(event.sequence for event in told) > max(event.sequence for event in terminal):
            yield Violation("I13", WRONG, row.id, f"generation {generation} went on after its terminal event")


def _last(row: BatchFact, generation: int, heard: Sequence[Seen]) -> int:
    """The number the terminal event of a generation must have had: the one before the next generation's first."""
    later = [event.sequence for event in heard if event.retry_generation > generation]
    return min(later) - 1 if later else row.sequence


def _ghosts(row: BatchFact, heard: Sequence[Seen]) -> Iterator[Violation]:
    """Events of changes that were never committed, or of other ones than were."""
    for event in {event.event_id: event for event in heard}.values():
        ahead = event.version > row.version or event.sequence > row.sequence
        if ahead or event.retry_generation > row.retry_generation:
            yield Violation("I11", WRONG, row.id, f"{event.event_type} {event.event_id} is ahead of the row")
        elif _lies(event, row):
            yield Violation("I11", WRONG, row.id, f"{event.event_type} {event.event_id}: the row is {row.status}")
        if event.tenant_id != row.tenant_id:
            yield Violation("I16", WRONG, row.id, f"{event.event_id} names tenant {event.tenant_id}")


def _lies(event: Seen, row: BatchFact) -> bool:
    if event.event_type not in TERMINAL_TYPES or event.retry_generation < row.retry_generation:
        return False
    return (event.event_id, event.status) != (row.terminal_event_id, row.status)


def _identity(row: BatchFact, heard: Sequence[Seen]) -> Iterator[Violation]:
    """An id stands for one event, and so does a number."""
    contents, ids = defaultdict[str, set[object]](set), defaultdict[int, set[str]](set)
    for event in heard:
        contents[event.event_id].add((event.event_type, event.version, event.sequence, event.status))
        ids[event.sequence].add(event.event_id)
    for event_id in sorted(key for key, different in contents.items() if len(different) > 1):
        yield Violation("I13", WRONG, row.id, f"{event_id} came with different contents")
    for number in sorted(key for key, different in ids.items() if len(different) > 1):
        yield Violation("I13", DUPLICATED, row.id, f"{len(ids[number])} events bear number {number}")


def _numbers(row: BatchFact, heard: Sequence[Seen], memory: _Memory) -> Iterator[Violation]:
    """Numbers without holes, and versions that grow with them."""
    missing = sorted(set(range(1, row.sequence + 1)) - {event.sequence for event in heard})
    missing = [number for number in missing if not memory.excuses(number, heard)]
    if missing:
        named = ", ".join(str(number) for number in missing[:NAMED])
        yield Violation("I13", WRONG, row.id, f"{len(missing)} of {row.sequence} events never came: {named} …")
    versions = [event.version for event in sorted(heard, key=lambda event: event.sequence)]
    if versions != sorted(versions):
        yield Violation("I13", WRONG, row.id, "a later event tells of an earlier version")
