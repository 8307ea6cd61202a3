"""The refusals that docs/api.md promises."""

import re

from deploy.local.home import REPOSITORY

_ROW = re.compile(r"^\| (`[A-Z_`, ]+`) \| ([A-Z_]+) \| (\d{3}) \|", re.MULTILINE)


def documented_refusals() -> frozenset[tuple[str, str]]:
    """Pairs of a gRPC code or an HTTP status and a reason."""
    page = (REPOSITORY / "docs" / "api.md").read_text("utf-8")
    return frozenset(
        (code, reason)
        for names, *codes in _ROW.findall(page)
        for reason in re.findall(r"[A-Z_]+", names)
        for code in codes
    )


DOCUMENTED = documented_refusals()
CLIENT_MADE = frozenset({("DEADLINE_EXCEEDED", "SERVICE_UNAVAILABLE")})
"""What a client of ours says itself when its own deadline passed."""
TRANSPORT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"})
"""Codes a gRPC library makes up without a reason when a link breaks in the middle of a call."""
