"""The files of a submission: found, named, measured, hashed."""

import hashlib
import io
import mimetypes
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quire.batch.v1.batch_service_pb2 import DocumentAnnouncement
from quire_client.errors import NothingToSubmitError

LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes already in memory, to be submitted under a name."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """One document to be: a file or bytes."""

    name: str
    size: int
    """Bytes."""
    origin: Path | bytes

    def open(self) -> BinaryIO:
        """Open for reading from the start."""
        return io.BytesIO(self.origin) if isinstance(self.origin, bytes) else self.origin.open("rb")

    def sha256(self) -> str:
        """Hash the bytes, 64 hex digits; reads all of them."""
        with self.open() as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()

    def announcement(self) -> DocumentAnnouncement:
        """Describe it to the server; reads all of it for the hash."""
        media_type = mimetypes.guess_type(self.name)[0] or ""
        return DocumentAnnouncement(name=self.name, size_bytes=self.size, sha256=self.sha256(), media_type=media_type)


Submittable = str | os.PathLike[str] | Content


def source_of(content: Submittable | bytes, name: str = "") -> Source:
    """Make a source of one file, of bytes or of named content."""
    match content:
        case bytes():
            return Source(name, len(content), content)
        case Content():
            return Source(content.name, len(content.data), content.data)
        case _:
            path = Path(content)
            return Source(name or _display_name(path.name, path), path.stat().st_size, path)


def gather(paths: Submittable | Iterable[Submittable]) -> tuple[Source, ...]:
    """Turn paths into sources: files as given, folders walked in sorted order without hidden files and folders.

    Raises:
        FileNotFoundError: a path does not exist.
        NothingToSubmitError: there is no file at all.
    """
    several = [paths] if isinstance(paths, str | os.PathLike | Content) else list(paths)
    sources = tuple(source for path in several for source in _expand(path))
    if not sources:
        named = ", ".join(str(path) for path in several) or "no path"
        raise NothingToSubmitError(
            f"nothing to submit in {named}", "Name files, or folders that hold files which are not hidden."
        )
    return sources


def _expand(path: Submittable) -> Iterator[Source]:
    if isinstance(path, Content) or not Path(path).is_dir():
        yield source_of(path)
        return
    root = Path(path)
    for found in _walk(root):
        yield source_of(found, _display_name(found.relative_to(root).as_posix(), found))


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = _visible(folders)
        paths = (Path(folder, name) for name in _visible(files))
        yield from (path for path in paths if path.is_file())


def _visible(names: Sequence[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))


def _display_name(wanted: str, path: Path) -> str:
    name = wanted if len(os.fsencode(wanted)) <= LONGEST_NAME else path.name
    return os.fsencode(name).decode("utf-8", "replace")
