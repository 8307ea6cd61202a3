"""Which faults may explain what happened between two moments."""

from collections.abc import Collection

from tests.chaos.records import Faulted, FaultLog


def between(log: FaultLog, began: float, ended: float, slack: float = 0.0) -> list[Faulted]:
    """Faults that were not over `slack` seconds before the span began and had begun when it ended."""
    return [fault for fault in log.faults if fault.began <= ended and fault.healed + slack >= began]


def forgot(log: FaultLog, names: Collection[str], began: float, ended: float) -> bool:
    """Whether the broker was made to forget what it had confirmed within a span."""
    return any(fault.name in names for fault in between(log, began, ended))
