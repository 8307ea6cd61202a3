"""When another attempt is made, and when no more."""

MAX_LOSSES = 5
"""Workers a document may take down before it is called poison."""
DEFAULT_MAX_FAILURES = 3
LINE_GRACE_SECONDS = 1.0
"""How long a worker whose line of life broke may take to attach again."""
FIRST_DELAY = 2.0
LONGEST_DELAY = 300.0


def delay_after_failure(failures: int, jitter: float) -> float:
    """Seconds to wait after the n-th failure (n from 1): 2, 4, 8 … at most 300, spread by ±25 %.

    Args:
        failures: failures so far, this one included.
        jitter: a random number in [0, 1).
    """
    return _spread(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY), jitter)


def delay_after_loss(losses: int, jitter: float) -> float:
    """Seconds to wait after the n-th loss: none after the first, since the document is rarely at fault."""
    return 0.0 if losses <= 1 else delay_after_failure(losses - 1, jitter)


def _spread(seconds: float, jitter: float) -> float:
    return seconds * (0.75 + 0.5 * jitter)
