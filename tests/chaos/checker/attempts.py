"""Attempts that were taken back: each has a fault behind it, and one worker loses no more than its slots (I22)."""

from collections import Counter
from collections.abc import Collection, Mapping

from tests.chaos.checker.facts import Facts, LostAttempt
from tests.chaos.checker.faults import between
from tests.chaos.checker.verdict import OTHER
from tests.chaos.records import Faulted, Records, Violation


def violations(
    records: Records, facts: Facts, sparing: Collection[str], slots: Mapping[str, int], slack: float = 0.0
) -> list[Violation]:
    """What was lost without a fault, and faults of one worker that cost more documents than it can work on.

    Args:
        sparing: names of faults that take no document from a worker, whatever else they break.
        slots: by target of a fault, how many documents that one worker works on at once.
        slack: seconds after its end in which a fault may still take an attempt.
    """
    marks = {one.id: one.mark for batch in records.client.batches.values() for one in batch.documents.values()}
    found, taken = list[Violation](), Counter[Faulted]()
    for lost in facts.lost:
        fault = _behind(lost, marks.get(lost.document_id, ""), records, sparing, slack)
        if fault is None:
            found.append(Violation("I22", OTHER, lost.document_id, f"attempt {lost.attempt} was lost without a fault"))
        else:
            taken[fault] += 1
    for fault, count in taken.items():
        if count > slots.get(fault.target, count):
            detail = f"{count} documents were lost by one worker with {slots[fault.target]} slots"
            found.append(Violation("I22", OTHER, f"{fault.number} {fault.name} {fault.target}", detail))
    return found


def _behind(lost: LostAttempt, mark: str, records: Records, sparing: Collection[str], slack: float) -> Faulted | None:
    """The last fault that may have taken the attempt."""
    during = between(records.faults, lost.claimed, lost.ended, slack)
    able = [one for one in during if one.name not in sparing and (not one.running or mark in one.running)]
    return max(able, key=lambda fault: fault.began, default=None)
