"""Protobuf messages as plain JSON: enums by their short names, 64-bit numbers as numbers, times as RFC 3339."""

from collections.abc import Sequence
from typing import Any, cast

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def json_of(message: Message) -> dict[str, Any]:
    """Every field of a message; a message field that is unset is null."""
    fields = cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields)
    return {field.name: _field(message, field) for field in fields}


def _field(message: Message, field: FieldDescriptor) -> Any:
    value: Any = getattr(message, field.name)
    if field.message_type and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_value(item, field) for item in value]
    if field.message_type and not message.HasField(field.name):
        return None
    return _value(value, field)


def _value(value: Any, field: FieldDescriptor) -> Any:
    match value:
        case Timestamp():
            return value.ToJsonString()
        case Duration():
            return value.ToTimedelta().total_seconds()
        case Message():
            return json_of(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case _:
            return _enum_name(value, field.enum_type) if field.enum_type else value


def _enum_name(number: int, enum: EnumDescriptor) -> str:
    names = enum.values_by_number
    prefix = names[0].name.removesuffix("UNSPECIFIED")
    name = names[number].name.removeprefix(prefix) if number in names else str(number)
    return "" if name == "UNSPECIFIED" else name
