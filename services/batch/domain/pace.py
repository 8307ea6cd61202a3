"""How fast a batch goes, derived on read: when it may end, and whether it stands still."""

from datetime import datetime, timedelta

from batch.domain.status import Counters

STALLED_AFTER = timedelta(minutes=2)


def eta(counters: Counters, started_at: datetime | None, now: datetime) -> timedelta | None:
    """Time until the last document is final at the mean rate since the first claim; None before the first result."""
    if started_at is None or counters.final == 0 or counters.open == 0:
        return None
    return (now - started_at) * (counters.open / counters.final)


def stalled(counters: Counters, last_progress_at: datetime | None, now: datetime, *, held: bool) -> bool:
    """Whether documents could move, nothing holds them, and none has for two minutes."""
    movable = counters.queued + counters.processing
    return bool(movable and not held and last_progress_at and now - last_progress_at > STALLED_AFTER)
