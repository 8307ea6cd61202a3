"""Where objects lie: every key says whose it is, and none is ever written twice.

t/{tenant}/b/{batch}/d/{document}/u/{upload}              an upload
t/{tenant}/b/{batch}/d/{document}/a/{attempt}/result.json the result of an attempt
"""

import re
from dataclasses import dataclass
from uuid import UUID

EVERYTHING = "t/"
"""Before every key of this service."""
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KNOWN = re.compile(rf"t/{_ID}/b/{_ID}/d/(?P<document>{_ID})/(?:u/{_ID}|a/(?P<attempt>[1-9]\d{{0,8}})/result\.json)\Z")


def batch_prefix(tenant_id: UUID, batch_id: UUID) -> str:
    """What all keys of a batch begin with."""
    return f"t/{tenant_id}/b/{batch_id}/"


def upload_key(tenant_id: UUID, batch_id: UUID, document_id: UUID, upload_id: UUID) -> str:
    """The key of one upload of a document."""
    return f"{batch_prefix(tenant_id, batch_id)}d/{document_id}/u/{upload_id}"


def result_key(tenant_id: UUID, batch_id: UUID, document_id: UUID, attempt: int) -> str:
    """The key of the result of an attempt."""
    return f"{batch_prefix(tenant_id, batch_id)}d/{document_id}/a/{attempt}/result.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a key says."""

    document_id: UUID
    attempt: int | None
    """None for an upload."""


def parse(key: str) -> Parts | None:
    """Read a key; None for one that is of another kind."""
    found = _KNOWN.match(key)
    if found is None:
        return None
    return Parts(UUID(found["document"]), int(found["attempt"]) if found["attempt"] else None)
