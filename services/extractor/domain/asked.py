"""A value that was not found is null; a schema may want such a field left out instead."""

from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.domain.schema import resolve


def without_forbidden_nulls(values: Any, schema: JsonSchema, root: JsonSchema | None = None) -> Any:
    """Leave out each null that its schema forbids and does not require; what is required stays and fails the check."""
    root = schema if root is None else root
    node = resolve(schema["$ref"], root) or {} if "$ref" in schema else schema
    if isinstance(values, dict):
        held = cast("dict[str, Any]", values)
        return {name: _kept(name, value, node, root) for name, value in held.items() if _stays(name, value, node, root)}
    if isinstance(values, list):
        items = node.get("items", {})
        return [without_forbidden_nulls(item, items, root) for item in cast("list[Any]", values)]
    return values


def _kept(name: str, value: Any, node: JsonSchema, root: JsonSchema) -> Any:
    part = node.get("properties", {}).get(name)
    return without_forbidden_nulls(value, cast("JsonSchema", part), root) if isinstance(part, dict) else value


def _stays(name: str, value: Any, node: JsonSchema, root: JsonSchema) -> bool:
    part = node.get("properties", {}).get(name)
    required = name in node.get("required", ())
    return value is not None or required or not isinstance(part, dict) or _admits_null(cast("JsonSchema", part), root)


def _admits_null(schema: JsonSchema, root: JsonSchema) -> bool:
    if "$ref" in schema:
        return _admits_null(resolve(schema["$ref"], root) or {}, root)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return any(_admits_null(choice, root) for choice in schema[keyword])
    if "enum" in schema or "const" in schema:
        return None in schema.get("enum", [schema.get("const", 0)])
    declared = schema.get("type", "null")
    return "null" in (declared if isinstance(declared, list) else [declared])
