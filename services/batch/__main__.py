"""`python -m batch`: the batch service's command line."""

import argparse
import asyncio
import sys

from batch.settings import DOORS, BatchSettings, MigrateSettings
from chassis import lifecycle, logs
from chassis.settings import load


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m batch",
        description="The batch service: owns schema, tiers, counters and status. Settings come from QUIRE_* variables.",
        epilog="Example: python -m batch migrate && python -m batch serve",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("migrate", help="bring the database to the newest schema; safe to run from many processes")
    serve = commands.add_parser("serve", help="run the doors named, or all of them")
    serve.add_argument("doors", nargs="*", metavar="DOOR", help=f"any of: {', '.join(DOORS)}; none means all")
    return parser


def main() -> int:
    """Run one command; answers the exit status."""
    arguments = _parser().parse_args()
    if arguments.command == "migrate":
        from batch.migrate import migrate  # noqa: PLC0415 - Alembic is needed by this command alone

        asyncio.run(migrate(load(MigrateSettings)))
        return 0
    return _serve(arguments.doors)


def _serve(doors: list[str]) -> int:
    unknown = set(doors) - set(DOORS)
    if unknown:
        sys.stderr.write(f"there is no door {', '.join(sorted(unknown))}; choose from {', '.join(DOORS)}\n")
        return 2
    settings = load(BatchSettings)
    from batch.app import serve  # noqa: PLC0415 - keeps `--help` and settings faults instant

    logs.configure("batch", settings.log_level, settings.log_format)
    return lifecycle.run(lambda: serve(settings, doors or list(DOORS)))


if __name__ == "__main__":
    sys.exit(main())
