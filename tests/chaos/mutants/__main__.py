"""`python -m tests.chaos.mutants [NAME…]`: plant each bug and see which seed makes the checker see it."""

import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.chaos.mutants.catalogue import ALL
from tests.chaos.run import Report, run

FAULTS, MOST = 25, 100


def main(names: list[str]) -> int:
    """Hunt all, or those named; answers 0 when every one was caught."""
    chosen = names or list(ALL)
    caught = [name for name in chosen if _hunt(name)]
    _say(f"mutants: {len(caught)} of {len(chosen)} caught")
    return 0 if len(caught) == len(chosen) else 1


def _hunt(name: str) -> bool:
    for seed in range(1, MOST // FAULTS + 1):
        seen = sorted({one.invariant for one in _run(name, seed).violations})
        # Anything else that a run finds is a fault of the product, or of the checker, and proves nothing of this bug.
        if not ALL[name].caught_by.isdisjoint(seen):
            _say(f"{name}: caught by seed {seed} within {seed * FAULTS} faults ({', '.join(seen)})")
            return True
        if seen:
            _say(f"{name}: seed {seed} told only of {', '.join(seen)}")
    _say(f"{name}: NOT caught within {MOST} faults")
    return False


def _run(name: str, seed: int) -> Report:
    folder = Path(tempfile.mkdtemp(prefix="quire-mutant-"))
    try:
        return uvloop.run(run(folder, seed, FAULTS, mutant=name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
