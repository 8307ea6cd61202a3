"""How fast a batch goes, from the snapshots seen."""

from collections import deque

from quire.batch.v1.batch_pb2 import Batch

WINDOW_SECONDS = 30.0


class Pace:
    """Documents a second over the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, processed: int, now: float) -> None:
        """Take in a snapshot's count; `now` in seconds of a clock that never goes back."""
        self._seen.append((now, processed))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Documents a second; 0 until two snapshots differ."""
        if len(self._seen) < 2:
            return 0.0
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end > start and after > before else 0.0

    def seconds_left(self, batch: Batch) -> float | None:
        """The server's estimate, else one from the rate; None when it cannot be told."""
        if batch.HasField("eta"):
            return batch.eta.ToTimedelta().total_seconds()
        left = batch.counters.total - batch.counters.processed
        return left / self.rate if self.rate else None
