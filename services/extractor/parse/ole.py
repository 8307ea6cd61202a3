"""The names inside an OLE compound file, the container of old Office formats and of password-protected new ones.

Layout: [MS-CFB] sections 2.2 (header), 2.3 (FAT), 2.5 (DIFAT), 2.6 (directory).
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from extractor.parse.source import Source

_LAST_REGULAR_SECTOR = 0xFFFFFFFA
_MOST_SECTORS = 4096
_ENTRY = 128


def stream_names(source: Source) -> frozenset[str]:
    """Names of the streams and storages; what a damaged directory does not tell is left out."""
    with source.open() as stream:
        header = stream.read(512)
        if len(header) < 512:
            return frozenset()
        size = 1 << min(16, max(9, struct.unpack_from("<H", header, 30)[0]))
        fat = list(_fat_sectors(stream, header, size))
        return frozenset(_names(stream, struct.unpack_from("<I", header, 48)[0], fat, size))


def _sector(stream: BinaryIO, number: int, size: int) -> bytes:
    stream.seek((number + 1) * size)
    return stream.read(size)


def _fat_sectors(stream: BinaryIO, header: bytes, size: int) -> Iterator[int]:
    yield from _regular(struct.unpack_from("<109I", header, 76))
    following: int = struct.unpack_from("<I", header, 68)[0]
    for _ in range(_MOST_SECTORS):
        if following >= _LAST_REGULAR_SECTOR:
            return
        entries = _integers(_sector(stream, following, size))
        yield from _regular(entries[:-1])
        following = entries[-1] if entries else _LAST_REGULAR_SECTOR


def _names(stream: BinaryIO, first: int, fat: list[int], size: int) -> Iterator[str]:
    sector = first
    for _ in range(_MOST_SECTORS):
        if sector >= _LAST_REGULAR_SECTOR:
            return
        block = _sector(stream, sector, size)
        for start in range(0, len(block) - _ENTRY + 1, _ENTRY):
            length: int = struct.unpack_from("<H", block, start + 64)[0]
            yield block[start : start + min(64, max(0, length - 2))].decode("utf-16-le", errors="replace")
        sector = _next(stream, sector, fat, size)


def _next(stream: BinaryIO, sector: int, fat: list[int], size: int) -> int:
    block, index = divmod(sector, size // 4)
    entries = _integers(_sector(stream, fat[block], size)) if block < len(fat) else ()
    return entries[index] if index < len(entries) else _LAST_REGULAR_SECTOR


def _integers(block: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(block) // 4}I", block[: len(block) // 4 * 4])


def _regular(sectors: tuple[int, ...]) -> Iterator[int]:
    return (sector for sector in sectors if sector < _LAST_REGULAR_SECTOR)
