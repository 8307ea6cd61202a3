"""ZIP containers of office files, opened with suspicion.

A bomb is refused from its directory before anything is inflated. A directory that lies gains nothing: zipfile reads no
member past its declared size, and for what others inflate the child's memory limit stands.
"""

import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO
from xml.parsers import expat

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.parse.limits import MIB
from extractor.parse.source import Source

MOST_MEMBERS = 10_000
MOST_INFLATED = 512 * MIB
MOST_RATIO = 200
_RATIO_MATTERS_FROM = 32 * MIB
_CHUNK = 16 << 10
_ENCRYPTED = 1


@contextmanager
def opened(source: Source) -> Generator[zipfile.ZipFile]:
    """The archive, after its directory has been checked. What breaks while it is read is FILE_CORRUPT."""
    try:
        with source.open() as stream, zipfile.ZipFile(stream) as archive:
            _check(archive, source.size)
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, OSError, ValueError) as error:
        raise DocumentFault(FailureCode.FILE_CORRUPT, f"the archive inside the file is damaged: {error}") from error


def refuse_doctypes(archive: zipfile.ZipFile) -> None:
    """ACTIVE_CONTENT when an XML part declares a document type: office files never do, entity attacks always do."""
    for name in archive.namelist():
        if name.endswith((".xml", ".rels")):
            with archive.open(name) as part:
                _refuse_doctype(part, name)


def _check(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise DocumentFault(FailureCode.RESOURCE_LIMIT, f"the archive inside the file has {len(members)} members")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise DocumentFault(FailureCode.PDF_ENCRYPTED, "the archive is protected by a password")
    inflated = sum(member.file_size for member in members)
    if inflated > MOST_INFLATED or (inflated > _RATIO_MATTERS_FROM and inflated > MOST_RATIO * size):
        raise DocumentFault(
            FailureCode.RESOURCE_LIMIT, f"{size} bytes would inflate to {inflated}, which looks like a zip bomb"
        )
    if sum(member.compress_size for member in members) > size:
        raise DocumentFault(FailureCode.RESOURCE_LIMIT, "members of the archive overlap, which looks like a zip bomb")


class _RootReached(Exception):
    """The root element began, so no document type can follow."""


def _refuse_doctype(part: IO[bytes], name: str) -> None:
    parser = expat.ParserCreate()

    def doctype(*_: object) -> None:
        raise DocumentFault(
            FailureCode.ACTIVE_CONTENT, f"{name} declares a document type, by which entities could be smuggled in"
        )

    def root(*_: object) -> None:
        raise _RootReached

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = root
    try:
        while chunk := part.read(_CHUNK):
            parser.Parse(chunk, False)
    except _RootReached:
        return
    except expat.ExpatError as error:
        raise DocumentFault(FailureCode.FILE_CORRUPT, f"{name} is not well-formed XML: {error}") from error
