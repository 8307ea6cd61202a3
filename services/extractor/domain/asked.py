"""An answer trimmed to what was asked.

A value that was not found is null; a schema may want such a field left out instead. And a document may talk a model
into fields that nobody asked for: a schema that names its properties means these, unless it says that others are
welcome.
"""

from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.domain.schema import resolve

_WELCOMES_OTHERS = frozenset(
    {
        "$dynamicRef",
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependentSchemas",
        "if",
        "oneOf",
        "patternProperties",
        "unevaluatedProperties",
    }
)
"""Keywords by which a schema decides itself about properties it does not name; the check of the answer obeys them."""


def as_asked(values: Any, schema: JsonSchema, root: JsonSchema | None = None) -> Any:
    """Leave out what the schema does not name, and each null that it forbids and does not require.

    A null that is required stays and fails the check.
    """
    root = schema if root is None else root
    node = _resolved(schema, root) if "$ref" in schema else schema
    if isinstance(values, dict):
        held = cast("dict[str, Any]", values)
        return {name: _kept(name, value, node, root) for name, value in held.items() if _stays(name, value, node, root)}
    if isinstance(values, list):
        items = node.get("items", {})
        return [as_asked(item, items, root) for item in cast("list[Any]", values)]
    return values


def _resolved(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    target = resolve(schema["$ref"], root) or {}
    named = {**target.get("properties", {}), **schema.get("properties", {})}
    return {**target, "properties": named} if named else target


def _kept(name: str, value: Any, node: JsonSchema, root: JsonSchema) -> Any:
    part = node.get("properties", {}).get(name)
    return as_asked(value, cast("JsonSchema", part), root) if isinstance(part, dict) else value


def _stays(name: str, value: Any, node: JsonSchema, root: JsonSchema) -> bool:
    named = node.get("properties", {})
    if name not in named:
        return not named or not _WELCOMES_OTHERS.isdisjoint(node)
    part, required = named[name], name in node.get("required", ())
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
