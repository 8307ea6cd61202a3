"""Enum values by the short names callers use."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import EnumDescriptor

from chassis.errors import invalid
from gateway.http.shapes import enum_names, enum_prefix


def numbers_of(enum: EnumDescriptor, field: str, names: Iterable[str] | None) -> list[Any]:
    """Numbers of short names such as `QUEUED`; raises CallError naming what is allowed."""
    prefix, known = enum_prefix(enum), enum_names(enum)
    unknown = [name for name in names or () if name.upper() not in known]
    if unknown:
        raise invalid({field: f"{unknown[0][:50]!r} is none of {', '.join(known)}"})
    return [enum.values_by_name[prefix + name.upper()].number for name in names or ()]
