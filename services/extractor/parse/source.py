"""One file to parse: on disk, or in memory when it came inside another (an attachment)."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes and the name their owner gave them, which is only a hint."""

    name: str
    content: bytes | Path

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def suffix(self) -> str:
        """Lower case with its dot, e.g. `.csv`; empty when the name has none."""
        return Path(self.name).suffix.lower()

    def open(self) -> BinaryIO:
        """A seekable stream of the bytes; the caller closes it."""
        return io.BytesIO(self.content) if isinstance(self.content, bytes) else self.content.open("rb")

    def slice(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; a negative start counts from the end."""
        with self.open() as stream:
            stream.seek(max(0, self.size + start) if start < 0 else start)
            return stream.read(length)

    def read(self, most: int) -> bytes:
        """All bytes; RESOURCE_LIMIT when there are more than `most`."""
        if self.size > most:
            raise DocumentFault(
                FailureCode.RESOURCE_LIMIT, f"the file is {self.size} bytes long, {most} can be read as text"
            )
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()
