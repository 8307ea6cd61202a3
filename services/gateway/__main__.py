"""`python -m gateway serve`."""

import argparse
import sys
from collections.abc import Sequence

from chassis.lifecycle import run
from chassis.settings import load
from gateway.app import serve
from gateway.settings import GatewaySettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and answer the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="Quire's HTTP and gRPC uploads gateway.")
    commands = parser.add_subparsers(dest="command", title="commands")
    commands.add_parser("serve", help="serve HTTP and gRPC until SIGTERM", description=_settings_help())
    if parser.parse_args(arguments).command is None:
        parser.print_help()
        return 0
    settings = load(GatewaySettings)
    return run(lambda: serve(settings))


def _settings_help() -> str:
    names = [f"QUIRE_{name.upper()}" for name in GatewaySettings.model_fields]
    return "Settings come from the environment: " + ", ".join(names) + "."


if __name__ == "__main__":
    sys.exit(main())
