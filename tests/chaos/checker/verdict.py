"""What the violations come to: the last line of a run."""

from collections.abc import Sequence

from tests.chaos.records import Records, Violation

LOST, DUPLICATED, WRONG, OTHER = "lost", "duplicated", "wrong", "other"


def last_line(seed: int, records: Records, violations: Sequence[Violation]) -> str:
    """`lost`, `duplicated` and `wrong` count what was hit, each once; `violations` counts every finding of any kind."""
    documents = sum(len(batch.documents) for batch in records.client.batches.values())
    return (
        f"chaos: seed={seed} faults={len(records.faults.faults)} documents={documents} "
        f"lost={hit(violations, LOST)} duplicated={hit(violations, DUPLICATED)} wrong={hit(violations, WRONG)} "
        f"violations={len(violations)}"
    )


def hit(violations: Sequence[Violation], kind: str) -> int:
    """How many subjects a kind of violation was seen on."""
    return len({one.subject for one in violations if one.kind == kind})
