"""How long to wait between two tries."""

import random
from collections.abc import Iterator


def backoff(first: float, most: float) -> Iterator[float]:
    """Seconds, doubling up to `most`, each cut by up to a half so that many workers do not knock together."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1)  # noqa: S311 - spread, not secrecy
        delay = min(delay * 2, most)
