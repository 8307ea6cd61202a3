"""Office files are ZIP archives stamped with the time of writing; packed anew they are the same bytes each time."""

import io
import re
import zipfile

_STAMP = (2026, 1, 1, 0, 0, 0)
_TIMES = re.compile(rb"(<(?:dcterms:(?:created|modified)|meta:creation-date|dc:date)[^>]*>)[^<]*(<)")
_FIXED = rb"\g<1>2026-01-01T00:00:00Z\g<2>"


def repacked(archive: bytes) -> bytes:
    """The same members in the same order, with one fixed time."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(target, "w") as packed:
        for member in source.infolist():
            entry = zipfile.ZipInfo(member.filename, _STAMP)
            entry.compress_type = zipfile.ZIP_STORED if member.filename == "mimetype" else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            packed.writestr(entry, _TIMES.sub(_FIXED, source.read(member)))
    return target.getvalue()
