"""`python -m tests.chaos`: break a whole Quire on purpose and check what it promised."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.chaos.run import run

KEPT = Path("build/chaos")
SHOWN = 20


def main() -> int:
    """Run once; answers 0 when every promise was kept."""
    arguments = _parser().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quire-chaos-"))
    try:
        report = uvloop.run(run(folder, arguments.seed, arguments.faults, mutant=arguments.mutant))
    except BaseException:
        print(f"kept: {_keep(folder, arguments.seed)}")  # noqa: T201 - a command speaks on standard output
        raise
    for note in report.notes:
        print(note)  # noqa: T201 - a command speaks on standard output
    for violation in report.violations[:SHOWN]:
        print(f"{violation.invariant} {violation.kind} {violation.subject}: {violation.detail}")  # noqa: T201
    if report.violations or arguments.keep:
        print(f"kept: {_keep(folder, arguments.seed)}")  # noqa: T201
    shutil.rmtree(folder, ignore_errors=True)
    print(report.last_line)  # noqa: T201
    return 1 if report.violations else 0


def _keep(folder: Path, seed: int) -> Path:
    """The logs, the faults and the report, without the servers' data."""
    kept = KEPT / f"seed-{seed}-{time.strftime('%H%M%S')}"
    shutil.copytree(folder / "logs", kept / "logs")
    for written in folder.glob("*.json*"):
        shutil.copy(written, kept / written.name)
    return kept


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make chaos",
        description="A whole Quire on this machine, customers at work, and faults of every kind; then the checker.",
        epilog="The same seed plans the same work and the same faults. What a failed run wrote stays in build/chaos.",
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()) % 100_000, help="of everything; printed at the end"
    )
    parser.add_argument("--faults", type=int, default=40, help="how many (default 40)")
    parser.add_argument("--mutant", default="", help="a planted bug to catch; see tests/chaos/mutants")
    parser.add_argument("--keep", action="store_true", help="keep logs and records of a run without violations too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
