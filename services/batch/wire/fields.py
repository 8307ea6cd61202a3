"""Fields of a call, read and refused: every faulty one is named at once."""

import re
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import jsonschema_rs
import orjson
from google.protobuf.duration_pb2 import Duration

from batch.domain.schemas import fault_of
from chassis.errors import invalid

MAX_PATTERN_BYTES = 256 * 1024
"""What one compiled pattern of a schema may hold."""
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_INVISIBLE = dict.fromkeys(
    [*range(32), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
)


class Violations:
    """Collects what is wrong with a call; `check` raises it all."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, field: str, fault: str) -> None:
        """Note a fault; the first one of a field counts."""
        self._found.setdefault(field, fault)

    def check(self) -> None:
        """Raise INVALID_ARGUMENT if anything was noted."""
        if self._found:
            raise invalid(self._found)

    def uuid(self, field: str, value: str, *, required: bool = True) -> UUID:
        """Read an id; the nil id after a fault or when it is left out."""
        if not value and not required:
            return UUID(int=0)
        try:
            if len(value) == 36:
                return UUID(value)
        except ValueError:
            pass
        self.add(field, "must be a UUID in its 36 character form")
        return UUID(int=0)

    def uuids(self, field: str, values: Sequence[str], most: int, least: int = 0) -> list[UUID]:
        """Read a list of ids."""
        if not least <= len(values) <= most:
            self.add(field, f"must be {least} to {most} ids, are {len(values)}")
        return [self.uuid(f"{field}[{number}]", one) for number, one in enumerate(values[:most])]

    def known(self, field: str, values: Collection[Any], allowed: Collection[Any], what: str) -> None:
        """Note values that are none of a closed set, or more of them than the set has."""
        if len(values) > len(allowed):
            self.add(field, f"must be at most {len(allowed)}, are {len(values)}")
        elif any(value not in allowed for value in values):
            self.add(field, f"must be {what}")

    def text(self, field: str, value: str, longest: int, *, required: bool = False) -> str:
        """Read text of at most so many characters, without NUL."""
        if required and not value.strip():
            self.add(field, "must not be empty")
        if len(value) > longest:
            self.add(field, f"must have at most {longest} characters, has {len(value)}")
        if "\0" in value:
            self.add(field, "must not contain the NUL character")
        return value

    def within(self, field: str, value: float, least: float, most: float) -> None:
        """Note a number out of range."""
        if not least <= value <= most:
            self.add(field, f"must be from {least:g} to {most:g}, is {value:g}")

    def span(self, field: str, value: Duration, least: int, most: int) -> int:
        """Read a span of time in whole seconds."""
        if not 0 <= value.nanos < 1_000_000_000:
            self.add(field, "must have 0 to 999,999,999 nanoseconds")
        self.within(field, value.seconds, least, most)
        return value.seconds

    def document_name(self, field: str, value: str) -> str:
        """Clean a display name: no control or direction characters, no path."""
        name = value.translate(_INVISIBLE).replace("\\", "/").rsplit("/", 1)[-1].strip()
        if not name or len(value.encode(errors="replace")) > 255:
            self.add(field, "must have 1 to 255 bytes besides control characters")
        return name

    def sha256(self, field: str, value: str) -> str:
        """Read a digest or nothing."""
        digest = value.lower()
        if digest and not _SHA256.match(digest):
            self.add(field, "must be 64 hex digits")
        return digest

    def output_schema(self, field: str, value: str) -> str:
        """Read a JSON Schema of an object; its text stays as the owner wrote it."""
        if value:
            fault = schema_fault(value)
            if fault:
                self.add(field, fault)
        return value


def schema_fault(text: str) -> str | None:
    """Say why a JSON Schema cannot be used, if so."""
    fault = fault_of(text)
    if fault is None:
        try:
            jsonschema_rs.Draft202012Validator(
                orjson.loads(text),
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(size_limit=MAX_PATTERN_BYTES),
            )
        except (jsonschema_rs.ValidationError, ValueError) as error:
            fault = f"is not a JSON Schema (draft 2020-12): {str(error).splitlines()[0]}"
    return fault


def only(violations: Violations, field: str, value: str) -> UUID:
    """Read the one id a call consists of."""
    found = violations.uuid(field, value)
    violations.check()
    return found


def batch_id(value: str) -> UUID:
    """Read the id of a call that names a batch."""
    return only(Violations(), "batch_id", value)
