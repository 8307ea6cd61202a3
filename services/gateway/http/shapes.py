"""Protobuf messages as the JSON of the HTTP contract.

Field names and nesting are those of the protos. Unlike protobuf's own JSON: enums lose their prefix and are null when
unspecified, 64-bit integers are numbers, unset messages and optional texts of JSON are null, and JSON text is embedded.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Convert = Callable[[Any], Any]
_JSON_FIELDS = {"quire.batch.v1.Batch.output_schema", "quire.batch.v1.DocumentResult.result_json"}
_RENAMED = {"quire.batch.v1.DocumentResult.result_json": "result"}


def dump(value: Any) -> bytes:
    """JSON as sent on the wire."""
    return orjson.dumps(value)


def shape(message: Message) -> dict[str, Any]:
    """The message as values `dump` takes."""
    return {name: convert(message) for name, convert in _fields(message.DESCRIPTOR)}


def field_name(field: FieldDescriptor) -> str:
    """Name of a field in JSON."""
    return _RENAMED.get(field.full_name, field.name)


def is_embedded(field: FieldDescriptor) -> bool:
    """Whether the field holds JSON text that is sent as JSON."""
    return field.full_name in _JSON_FIELDS


def enum_names(enum: EnumDescriptor) -> list[str]:
    """Names of an enum's values as JSON shows them, without UNSPECIFIED."""
    prefix = enum_prefix(enum)
    return [value.name.removeprefix(prefix) for value in enum.values if value.number != 0]


def enum_prefix(enum: EnumDescriptor) -> str:
    """What every value's name starts with, e.g. `BATCH_STATUS_`."""
    return enum.values[0].name.removesuffix("UNSPECIFIED")


@cache
def _fields(descriptor: Descriptor) -> tuple[tuple[str, Convert], ...]:
    return tuple((field_name(field), _reader(field)) for field in descriptor.fields)


def _reader(field: FieldDescriptor) -> Convert:
    name, convert = field.name, _converter(field)
    if field.is_repeated:
        return lambda message: [convert(item) for item in getattr(message, name)]
    if field.message_type:
        return lambda message: convert(getattr(message, name)) if message.HasField(name) else None
    return lambda message: convert(getattr(message, name))


def _converter(field: FieldDescriptor) -> Convert:
    if is_embedded(field):
        return _embedded
    if field.enum_type:
        return _enum_converter(field.enum_type)
    if field.message_type is None:
        return _same
    if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        return _timestamp
    if field.message_type.full_name == Duration.DESCRIPTOR.full_name:
        return _duration
    return shape


def _same(value: Any) -> Any:
    return value


def _timestamp(value: Timestamp) -> str:
    return value.ToJsonString()


def _duration(value: Duration) -> str:
    return value.ToJsonString()


def _enum_converter(enum: EnumDescriptor) -> Convert:
    prefix = enum_prefix(enum)
    names = {value.number: value.name.removeprefix(prefix) for value in enum.values}
    # A value newer than this gateway still reaches the reader, as its number.
    return lambda number: names.get(number, str(number)) if number else None


def _embedded(text: str | bytes) -> Any:
    if not text:
        return None
    raw = text.encode() if isinstance(text, str) else text
    # A line feed would break a line of JSON Lines in two.
    return orjson.loads(raw) if b"\n" in raw else orjson.Fragment(raw)
