"""What a schema asks for, as fields the engine can look for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.domain.schema import resolve
from extractor.engines.builtin.lexicon import Concept, Kind, concept_named, line_concept_named, own_concept

MAX_PARTS = 2000
_MAX_DEPTH = 8
_BY_FORMAT: dict[str, Kind] = {"date": "date", "date-time": "date", "email": "email"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One scalar of the schema."""

    path: tuple[str, ...]
    concept: Concept
    kind: Kind
    node: JsonSchema


@dataclass(frozen=True, slots=True)
class WantedRows:
    """A list of objects: each row of a table with matching headers is one."""

    path: tuple[str, ...]
    columns: tuple[Wanted, ...]
    nullable: bool


@dataclass(frozen=True, slots=True)
class Unfillable:
    """A part of the schema the engine cannot look for, and what it holds instead."""

    path: tuple[str, ...]
    value: list[Any] | None


Part = Wanted | WantedRows | Unfillable


def wanted_parts(schema: JsonSchema) -> tuple[Part, ...]:
    """Every leaf of the schema in its order; references that unfold without end are cut off."""
    return tuple(islice(_walk(schema, schema, ()), MAX_PARTS))


def types_of(node: JsonSchema) -> list[str]:
    """The types a part of a schema allows beside null."""
    declared = node.get("type", "object" if "properties" in node else "string")
    names = cast("list[str]", declared if isinstance(declared, list) else [declared])
    return [name for name in names if name != "null"]


def settled(node: JsonSchema, root: JsonSchema) -> JsonSchema:
    """The part itself, its local references and `anyOf [x, null]` followed."""
    for _ in range(_MAX_DEPTH):
        if isinstance(node.get("$ref"), str):
            node = {**(resolve(node["$ref"], root) or {}), **{key: node[key] for key in ("title",) if key in node}}
        elif choice := _choice(node):
            node = {**choice, **{key: node[key] for key in ("title", "description") if key in node}}
        else:
            break
    return node


def _choice(node: JsonSchema) -> JsonSchema | None:
    choices = cast("list[JsonSchema]", node.get("anyOf") or node.get("oneOf") or [])
    return next((choice for choice in choices if choice.get("type") != "null"), None)


def _nullable(given: JsonSchema, node: JsonSchema) -> bool:
    choices = cast("list[JsonSchema]", given.get("anyOf") or given.get("oneOf") or [])
    return "null" in node.get("type", []) or any(choice.get("type") == "null" for choice in choices)


def _walk(schema: JsonSchema, root: JsonSchema, path: tuple[str, ...]) -> Iterator[Part]:
    for name, child in _properties(settled(schema, root)):
        yield from _part(name, child, root, (*path, name))


def _part(name: str, given: JsonSchema, root: JsonSchema, path: tuple[str, ...]) -> Iterator[Part]:
    node = settled(given, root)
    types = types_of(node)
    if "object" in types:
        foldable = bool(_properties(node)) and len(path) < _MAX_DEPTH
        yield from _walk(node, root, path) if foldable else (Unfillable(path, None),)
    elif "array" in types:
        yield _list(given, node, root, path)
    else:
        yield _scalar(name, node, path)


def _list(given: JsonSchema, node: JsonSchema, root: JsonSchema, path: tuple[str, ...]) -> Part:
    items = settled(cast("JsonSchema", node.get("items") or {}), root)
    columns = tuple(_column(key, settled(child, root)) for key, child in _properties(items))
    nullable = _nullable(given, node)
    return WantedRows(path, columns, nullable) if columns else Unfillable(path, None if nullable else [])


def _scalar(name: str, node: JsonSchema, path: tuple[str, ...]) -> Wanted:
    names = (
        (" ".join(path), name, str(node.get("title", name))) if len(path) > 1 else (name, str(node.get("title", name)))
    )
    nested = _nested_concept(path)
    concept = nested or concept_named(*names)
    kind = _kind(node, concept)
    if concept is None or not _fits(concept.kind, node):
        concept = own_concept("/".join(path), kind, names)
    return Wanted(path, concept, _kind(node, concept), node)


def _nested_concept(path: tuple[str, ...]) -> Concept | None:
    """`supplier/name` asks for the supplier; `supplier/city` does not."""
    return concept_named(path[-2]) if len(path) > 1 and path[-1] in {"name", "company", "value"} else None


def _column(name: str, node: JsonSchema) -> Wanted:
    names = (name, str(node.get("title", name)))
    concept = line_concept_named(*names) or own_concept(name, _kind(node, None), names)
    return Wanted((name,), concept, _kind(node, concept), node)


def _kind(node: JsonSchema, concept: Concept | None) -> Kind:
    """The schema's own type decides; the lexicon tells apart what the schema calls a string."""
    types = types_of(node)
    numeric: Kind | None = "money" if "number" in types else "integer" if "integer" in types else None
    if numeric is not None:
        return concept.kind if concept and concept.kind in {"money", "percent", "integer"} else numeric
    declared = str(node.get("format", ""))
    if declared in _BY_FORMAT:
        return _BY_FORMAT[declared]
    return concept.kind if concept else "text"


def _fits(kind: Kind, node: JsonSchema) -> bool:
    """Whether a concept can fill a field of this type: a number is never an id or a name."""
    types = types_of(node)
    if "number" in types or "integer" in types:
        return kind in {"money", "integer", "percent"}
    if node.get("format") in _BY_FORMAT:
        return kind == _BY_FORMAT[node["format"]]
    return "boolean" not in types


def _properties(node: JsonSchema) -> list[tuple[str, JsonSchema]]:
    return list(cast("dict[str, JsonSchema]", node.get("properties") or {}).items())
