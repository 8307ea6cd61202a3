"""`python -m tests.chaos.mutants.launch MUTANT SERVICE serve …`: a service with a bug in it.

The rest of the line is the service's own. `python -m tests.chaos.mutants.launch` alone lists the bugs.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from tests.chaos.mutants.catalogue import ALL
from tests.chaos.mutants.mutant import Launcher, Mutant


class WrongService(Exception):
    """The bug is planted in another service."""


def main(words: Sequence[str]) -> int:
    """Plant the bug, then be the service; answers its exit status."""
    if len(words) < 2:
        sys.stdout.write("\n\n".join(described(mutant) for mutant in ALL.values()) + "\n")
        return 2
    name, service, *rest = words
    plant(name, service)
    sys.argv = [f"{service} ({name})", *rest]
    return int(importlib.import_module(f"{service}.__main__").main())


def planting(name: str) -> Launcher:
    """How a stage starts its processes so that the bug is in those of its service."""
    mutant = ALL[name]

    def launched(service: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        if service != mutant.service:
            return usual
        return (sys.executable, "-m", "tests.chaos.mutants.launch", name, service, "serve")

    return launched


def plant(name: str, service: str) -> None:
    """Replace the names of the product. Raises KeyError, WrongService or TargetMissing."""
    mutant = ALL[name]
    if mutant.service != service:
        raise WrongService(f"{name} is planted in {mutant.service}, not in {service}")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")  # read at import, which planting does early
    mutant.apply()


def described(mutant: Mutant) -> str:
    """For a person."""
    return f"{mutant.name} ({mutant.service}; {', '.join(sorted(mutant.caught_by))})\n    {mutant.promise}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
