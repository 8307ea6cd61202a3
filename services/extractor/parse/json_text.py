"""JSON and NDJSON as text people read: `key: value` lines, nesting as indentation, lists of objects as tables.

Numbers keep the digits they are written with, so that a quote from the text is a quote from the file; an object is a
list of pairs, so that a repeated key is not lost.
"""

import json
from collections.abc import Iterator
from typing import cast

from chassis.failures import FailureCode
from extractor.domain.extraction import DocumentFault
from extractor.domain.pages import Row, Table
from extractor.parse.decoding import decode
from extractor.parse.gathering import Gathering, cell_text, table_text
from extractor.parse.source import Source

_INDENT = "  "


class _Object(list[tuple[str, "_Value"]]):
    """The members of a JSON object in their order."""


_Value = str | bool | list["_Value"] | _Object | None


def read(source: Source, sheets: Gathering) -> None:
    """Add one page with the whole value."""
    text = decode(source.read(2 * sheets.limits.text_bytes), sheets).lstrip("\ufeff")
    tables: list[Table] = []
    try:
        lines = list(_lines(_value(text), "", tables))
    except RecursionError as error:
        raise DocumentFault(FailureCode.RESOURCE_LIMIT, "the JSON is nested too deeply") from error
    sheets.add("".join(lines), tables)


def _value(text: str) -> _Value:
    try:
        return _loaded(text)
    except json.JSONDecodeError as error:
        records = _records(text)
        if records is None:
            raise DocumentFault(
                FailureCode.FILE_CORRUPT, f"the file is not JSON: {error.msg} in line {error.lineno}"
            ) from error
        return records


def _records(text: str) -> list[_Value] | None:
    """The lines as one list when each is a value by itself (NDJSON)."""
    try:
        return [_loaded(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError:
        return None


def _loaded(text: str) -> _Value:
    return cast("_Value", json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_Object))


def _lines(value: _Value, indent: str, tables: list[Table]) -> Iterator[str]:
    if isinstance(value, _Object):
        for key, member in value:
            yield from _member(key, member, indent, tables)
    elif isinstance(value, list):
        yield from _elements(value, indent, tables)
    else:
        yield f"{indent}{_scalar(value)}\n"


def _member(key: str, value: _Value, indent: str, tables: list[Table]) -> Iterator[str]:
    if isinstance(value, list) and value:
        yield f"{indent}{key}:\n"
        yield from _lines(value, indent + _INDENT, tables)
    else:
        yield f"{indent}{key}: {_scalar(value)}\n"


def _elements(values: list[_Value], indent: str, tables: list[Table]) -> Iterator[str]:
    objects = [value for value in values if isinstance(value, _Object)]
    if objects and len(objects) == len(values):
        table = _table(objects)
        tables.append(table)
        yield table_text(table)
        return
    for value in values:
        if isinstance(value, list):
            yield f"{indent}-\n"
            yield from _lines(value, indent + _INDENT, tables)
        else:
            yield f"{indent}- {_scalar(value)}\n"


def _table(objects: list[_Object]) -> Table:
    keys = tuple(dict.fromkeys(key for members in objects for key, _ in members))
    return ((*map(cell_text, keys),), *(_row(dict(members), keys) for members in objects))


def _row(members: dict[str, _Value], keys: Row) -> Row:
    return tuple(cell_text(_inline(members.get(key))) for key in keys)


def _inline(value: _Value) -> str:
    """A value within a cell."""
    if isinstance(value, _Object):
        return "; ".join(f"{key}: {_inline(member)}" for key, member in value)
    if isinstance(value, list):
        return ", ".join(_inline(element) for element in value)
    return _scalar(value)


def _scalar(value: _Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return ""
