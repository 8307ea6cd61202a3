"""`python -m tests.chaos.poison serve`: a worker that a document of one name kills while it is parsed, each time."""

import os
import signal
import sys
from pathlib import Path

from extractor import __main__ as extractor
from extractor.domain.pages import ParsedDocument
from extractor.parse.cage import Cage
from extractor.parse.limits import ParseLimits

POISON = "poison.txt"
_parse = Cage.parse


def poisonable(service: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """How a stage starts its processes so that its workers can be poisoned."""
    return (sys.executable, "-m", "tests.chaos.poison", "serve") if service == "extractor" else usual


async def _parse_or_die(self: Cage, path: Path, name: str, limits: ParseLimits) -> ParsedDocument:
    if name == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    return await _parse(self, path, name, limits)


if __name__ == "__main__":
    Cage.parse = _parse_or_die
    sys.exit(extractor.main())
