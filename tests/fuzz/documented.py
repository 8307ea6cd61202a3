"""What docs/api.md and docs/http.md promise about errors."""

import re

from deploy.local.home import REPOSITORY

# A promise that a hostile call may not make true: nothing was broken, so nothing may be away or at fault.
NEVER = frozenset({"INTERNAL", "SERVICE_UNAVAILABLE", "STORAGE_UNAVAILABLE", "STORAGE_FULL"})


def codes_and_reasons() -> frozenset[tuple[str, str]]:
    """gRPC code and reason of every refusal a call may meet."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+) \| ([A-Z_]+) \| [0-9–]+ \|", _page("api.md"), re.MULTILINE)
    return frozenset((code, reason) for reasons, code in rows for reason in _names(reasons))


def statuses_and_reasons() -> frozenset[tuple[int, str]]:
    """HTTP status and reason of every refusal a request may meet."""
    rows = re.findall(r"^\| ([45]\d\d) \| (.+) \|$", _page("http.md"), re.MULTILINE)
    return frozenset((int(status), reason) for status, reasons in rows for reason in _names(reasons))


def _names(reasons: str) -> list[str]:
    return [name for name in re.findall(r"`([A-Z_]+)`", reasons) if name not in NEVER]


def _page(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text("utf-8")
