"""The whole command line: every command group adds its own."""

import argparse

from quire_client.command import admin, batches, control, documents, failures, limits, results, submit, watching
from quire_client.command.exits import MEANINGS

_DESCRIPTION = """\
Submit piles of documents, watch them being read, fetch what was found.

Where Quire is and who asks stands in the environment:
  QUIRE_ENDPOINT         host:port of the batch service (grpcs://host:port for TLS)
  QUIRE_UPLOAD_ENDPOINT  host:port of the gateway's gRPC door, for submit
  QUIRE_API_KEY          your API key, or a token of the issuer Quire trusts
  QUIRE_ADMIN_TOKEN      the operator's token, for admin
  QUIRE_CA_FILE          authority of the servers' certificates; makes it TLS
  QUIRE_CLIENT_CERT_FILE, QUIRE_CLIENT_KEY_FILE  your certificate, where servers ask for one"""

_EXAMPLES = """\
examples:
  quire submit invoices/ --prompt 'Invoice number, date and total' --out results.csv
  quire watch last
  quire errors last
  quire COMMAND --help

Output is a table on a terminal, tab-separated lines in a pipe, JSON with --json; progress and errors go to stderr."""

_GROUPS = (submit, batches, watching, documents, results, failures, control, limits, admin)


def build_parser() -> argparse.ArgumentParser:
    """Put the groups together."""
    parser = argparse.ArgumentParser(
        prog="quire",
        description=_DESCRIPTION,
        epilog=f"{_EXAMPLES}\n\nexit codes:\n{_exit_codes()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.register(commands)
    return parser


def _exit_codes() -> str:
    return "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
