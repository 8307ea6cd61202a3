"""What the model was asked and paid for (I16, I23, I24)."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.chaos.checker.faults import between
from tests.chaos.checker.verdict import DUPLICATED, OTHER, WRONG
from tests.chaos.records import Asked, Batch, Document, FaultLog, Records, Violation, canary_of

SUCCESS = "success"


@dataclass(frozen=True)
class Spending:
    """How many answers were bought, and how many of them more than once."""

    successful: int
    extra: int

    def __str__(self) -> str:
        share = 100 * self.extra / self.successful if self.successful else 0.0
        return f"I23: {self.extra} of {self.successful} successful model calls were extra ({share:.2f} %)"


def spending(records: Records) -> Spending:
    """Sum up the calls that name a document."""
    answered = [len(calls) for calls in _successes(records).values()]
    return Spending(sum(answered), sum(answered) - len(answered))


def violations(records: Records, lease_seconds: float, sparing: Collection[str] = ()) -> list[Violation]:
    """Calls that nothing explains, that came too late, or that mixed tenants.

    Faults named in `sparing` take no document from its worker and explain nothing.
    """
    able = FaultLog([fault for fault in records.faults.faults if fault.name not in sparing])
    documents = {
        document.mark: (batch, document)
        for batch in records.client.batches.values()
        for document in batch.documents.values()
    }
    found = list[Violation]()
    for mark, calls in _successes(records).items():
        if mark in documents:
            found += _extra(*documents[mark], calls, able, lease_seconds)
    for call in records.model.asked:
        found += _mixed(call, documents.get(call.mark))
        if call.mark in documents:
            found += _late(*documents[call.mark], call, lease_seconds)
    return found


def _successes(records: Records) -> dict[str, list[Asked]]:
    found = defaultdict[str, list[Asked]](list)
    for call in records.model.asked:
        if call.mark and call.answer == SUCCESS:
            found[call.mark].append(call)
    return found


def _extra(
    batch: Batch, document: Document, calls: list[Asked], faults: FaultLog, lease_seconds: float
) -> Iterator[Violation]:
    """Each call after the first must have a fault behind it that made the answer before it useless."""
    calls = sorted(calls, key=lambda call: call.at)
    for before, again in list(pairwise(calls))[batch.retried :]:
        hit = between(faults, before.at, again.at, lease_seconds)
        if not any(not fault.running or document.mark in fault.running for fault in hit):
            detail = f"bought again after {again.at - before.at:.1f} s and no fault explains it"
            yield Violation("I23", DUPLICATED, document.id, detail)


def _late(batch: Batch, document: Document, call: Asked, lease_seconds: float) -> Iterator[Violation]:
    cancelled = batch.cancelled_documents.get(document.id, batch.cancel_answered)
    if cancelled is None or batch.retried:
        return
    if call.at > cancelled + lease_seconds:
        yield Violation("I24", OTHER, document.id, f"asked {call.at - cancelled:.1f} s after its cancel was answered")


def _mixed(call: Asked, known: tuple[Batch, Document] | None) -> Iterator[Violation]:
    foreign = call.tenants - {canary_of(known[0].tenant)} if known else frozenset[str]()
    if foreign or len(call.tenants) > 1:
        yield Violation("I16", WRONG, call.mark, f"its prompt holds {', '.join(sorted(foreign or call.tenants))}")
