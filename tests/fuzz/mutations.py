"""Bytes damaged as disks, wires and attackers damage them."""

from collections.abc import Sequence

from hypothesis import strategies as st

_PLACE = st.floats(0, 1, exclude_max=True)
_EXTREMES = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80", b"<", b"%", b"\r\n")
_SHOWN = 400


class Shown(bytes):
    """Bytes that a report shows the beginning of; a failure can be drawn again by its blob."""

    def __repr__(self) -> str:
        rest = f" and {len(self) - _SHOWN} more" if len(self) > _SHOWN else ""
        return f"{self[:_SHOWN]!r}{rest}"


@st.composite
def mutated(draw: st.DrawFn, originals: Sequence[bytes], most: int = 5) -> Shown:
    """One of the originals with some damage done to it; another may be spliced in."""
    content = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(1, most))):
        content = draw(st.sampled_from(_DAMAGES))(draw, content, originals)
    return Shown(content)


def _flip(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    if not content:
        return content
    at = _place(draw, content)
    return content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]


def _overwrite(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(draw, content)
    written = draw(st.sampled_from(_EXTREMES) | st.binary(min_size=1, max_size=16))
    return content[:at] + written + content[at + len(written) :]


def _truncate(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    return content[: _place(draw, content)]


def _cut_out(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    first, last = sorted((_place(draw, content), _place(draw, content)))
    return content[:first] + content[last:]


def _repeat(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    first, last = sorted((_place(draw, content), _place(draw, content)))
    return content[:last] + content[first : first + 4096] * draw(st.sampled_from((1, 2, 64))) + content[last:]


def _splice(draw: st.DrawFn, content: bytes, originals: Sequence[bytes]) -> bytes:
    other = draw(st.sampled_from(originals))
    return content[: _place(draw, content)] + other[_place(draw, other) :]


def _insert(draw: st.DrawFn, content: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw(st.binary(min_size=1, max_size=64)) + content[at:]


_DAMAGES = (_flip, _overwrite, _truncate, _cut_out, _repeat, _splice, _insert)


def _place(draw: st.DrawFn, content: bytes) -> int:
    return int(draw(_PLACE) * len(content))
