"""How much HTTP is answered at once: quick calls, what lasts, and uploads each have places of their own."""

from dataclasses import dataclass

from starlette.types import Scope

from chassis.admission import Places

QUIET_PATHS = frozenset({"/healthz", "/readyz"})
"""Asked by whoever runs the process: neither shed nor logged."""
_LASTING = ("/events", "/results")


@dataclass(frozen=True, slots=True)
class Lobby:
    """The places."""

    calls: Places
    streams: Places
    uploads: Places

    def of(self, scope: Scope) -> Places | None:
        """Where a request belongs; None for one that is never shed."""
        path: str = scope["path"]
        if path in QUIET_PATHS:
            return None
        if scope["method"] == "PUT" or (scope["method"] == "POST" and _is_form(scope)):
            return self.uploads
        return self.streams if path.endswith(_LASTING) else self.calls


def owner_of(scope: Scope) -> str:
    """Whose request it is: that of its credential, which is not judged here."""
    return (_header(scope, b"authorization") or _header(scope, b"cookie")).decode("latin-1")


def _is_form(scope: Scope) -> bool:
    return _header(scope, b"content-type").lower().startswith(b"multipart/")


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")
