"""Messages made from their descriptors: every field left out, at its edges, or as a caller would fill it."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

Known = Mapping[str, Sequence[Any]]
"""Values by field name that get a call past its first checks."""

STRANGE_TEXTS = (
    "", " ", "\0", "a\0b", "x" * 10_000, "😀" * 2_500, "e\u0301" * 500, "\u202egnp.exe", "\ufeffx", "\U0010ffff",
    "\ud7ff", "\r\nX-Header: y", "../../etc/passwd", "'; DROP TABLE tenants; --", "%00%s%n", "${jndi:x}", "{" * 999,
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0" * 36, "\u0663" * 36,
    "{00000000-0000-0000-0000-0000000000}", "NaN", "null", "true", "-1", "9" * 5_000,
)  # fmt: skip
_TEXTS = st.sampled_from(STRANGE_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_NUMBERS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_INT32: st.sampled_from((0, 1, -1, 100, 1_001, 2**31 - 1, -(2**31))) | st.integers(-9, 99),
    FieldDescriptor.TYPE_INT64: st.sampled_from((0, 1, -1, 60, 1 << 20, 253402300800, 2**62, 2**63 - 1, -(2**63)))
    | st.integers(-9, 10**6),
    FieldDescriptor.TYPE_UINT32: st.sampled_from((0, 1, 2**32 - 1)),
    FieldDescriptor.TYPE_UINT64: st.sampled_from((0, 1, 2**63, 2**64 - 1)),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=200),
    FieldDescriptor.TYPE_STRING: _TEXTS,
}
_STRANGE_ENUMS = (-1, 99, 2**31 - 1, -(2**31))
_MANY = (20, 200, 1_000, 1_001)


def messages(descriptor: Descriptor, known: Known) -> st.SearchStrategy[Message]:
    """Messages of one type; fields that `known` names are filled more often than not."""
    fields = {field.name: _values(field, known) for field in descriptor.fields}
    wanted = {name: made for name, made in fields.items() if name in known}
    others = {name: made for name, made in fields.items() if name not in known}
    made = GetMessageClass(descriptor)
    full = st.fixed_dictionaries(wanted, optional=others)
    sparse = st.fixed_dictionaries({}, optional=fields)
    return st.one_of(full, full, sparse).map(lambda values: made(**values))


def _values(field: FieldDescriptor, known: Known) -> st.SearchStrategy[Any]:
    if field.message_type and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name
        keys = _single(entry["key"], {"key": known.get(field.name, ())})
        return st.dictionaries(keys, _single(entry["value"], known), max_size=4)
    if field.is_repeated:
        single = _single(field, known)
        few, many = st.lists(single, max_size=4), st.builds(_repeated, single, st.sampled_from(_MANY))
        return st.one_of(few, few, few, many)
    return _single(field, known)


def _repeated(value: Any, count: int) -> list[Any]:
    return [value] * count


def _single(field: FieldDescriptor, known: Known) -> st.SearchStrategy[Any]:
    if field.message_type:
        return messages(field.message_type, known)
    if field.enum_type:
        numbers = [value.number for value in field.enum_type.values]
        return st.sampled_from(numbers) | st.sampled_from(_STRANGE_ENUMS)
    strange = _NUMBERS[field.type]
    if not (usual := known.get(field.name)):
        return strange
    return st.one_of(st.sampled_from(usual), st.sampled_from(usual), st.sampled_from(usual), strange)
