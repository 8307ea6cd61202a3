"""`python -m extractor serve`: run the worker. Settings come from the environment (extractor.settings)."""

import argparse
import os
import sys

from chassis.lifecycle import run
from chassis.settings import load
from extractor.settings import ExtractorSettings


def main() -> int:
    """Parse the command line, read the settings, and run; answers the exit status."""
    parser = argparse.ArgumentParser(
        prog="extractor", description="Extracts documents handed out by the batch service."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("serve", help="consume jobs until SIGTERM, then drain")
    parser.parse_args()
    return _serve(load(ExtractorSettings))


def _serve(settings: ExtractorSettings) -> int:
    # Read by gRPC when it is imported. Its handlers are for forked children that use gRPC; ours parse.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    from extractor.app import serve  # noqa: PLC0415

    return run(lambda: serve(settings))


if __name__ == "__main__":
    sys.exit(main())
