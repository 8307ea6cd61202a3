"""An owner's schema as the strict mode of model providers wants it.

Strict mode: every object closed, every property required, no free-form maps, few keywords. Every property may be null
here, even one the owner requires: a model that must answer invents, and the owner's own schema is checked afterwards.
"""

from typing import Any, cast

from extractor.domain.extraction import JsonSchema

_KEPT = ("type", "title", "description", "enum", "const", "pattern", "minimum", "maximum", "multipleOf")
_BARRED = (
    "allOf", "not", "if", "then", "else", "oneOf", "prefixItems", "patternProperties", "propertyNames",
    "dependentRequired", "dependentSchemas", "$dynamicRef", "contains",
)  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_DEFINITIONS = ("#/$defs/", "#/definitions/")
_CITATIONS: JsonSchema = {
    "type": "array",
    "description": "One entry for each value that is not null.",
    "items": {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "JSON pointer into `values`, e.g. /lines/0/amount"},
            "quote": {"type": "string", "description": "The words of the document that say so, copied verbatim"},
            "page": {"type": "integer", "description": "Page the quote stands on, from 1"},
        },
        "required": ["path", "quote", "page"],
        "additionalProperties": False,
    },
}


class NotStrict(ValueError):
    """The schema says something that strict mode cannot; send it without strict mode and check the answer."""


def answer_schema(schema: JsonSchema) -> tuple[JsonSchema, bool]:
    """The schema of `{"values": …, "citations": […]}`, and whether it is a strict one."""
    try:
        return _wrapped(_object(schema), {name: _node(node) for name, node in _definitions(schema).items()}), True
    except NotStrict:
        return _wrapped(_embedded(schema), _definitions(schema)), False


def _wrapped(values: JsonSchema, definitions: JsonSchema) -> JsonSchema:
    wrapped: JsonSchema = {
        "type": "object",
        "properties": {"values": values, "citations": _CITATIONS},
        "required": ["values", "citations"],
        "additionalProperties": False,
    }
    return {**wrapped, "$defs": definitions} if definitions else wrapped


def _definitions(schema: JsonSchema) -> JsonSchema:
    """The owner's definitions; they move to the root, where references to them still lead."""
    return {**schema.get("definitions", {}), **schema.get("$defs", {})}


def _embedded(schema: JsonSchema) -> JsonSchema:
    return {name: part for name, part in schema.items() if name not in ("$defs", "definitions", "$schema", "$id")}


def _node(node: Any) -> JsonSchema:
    if not isinstance(node, dict):
        raise NotStrict("true and false are no shapes")
    schema = cast("JsonSchema", node)
    if barred := [keyword for keyword in _BARRED if keyword in schema]:
        raise NotStrict(barred[0])
    if "$ref" in schema:
        return _reference(schema["$ref"])
    if "anyOf" in schema:
        return {"anyOf": [_node(choice) for choice in schema["anyOf"]]}
    return _object(schema) if _is_object(schema) else _plain(schema)


def _reference(target: Any) -> JsonSchema:
    if not str(target).startswith(_DEFINITIONS) or str(target).count("/") > 2:
        raise NotStrict(f"a reference to {target} cannot move")
    return {"$ref": "#/$defs/" + str(target).rpartition("/")[2]}


def _is_object(schema: JsonSchema) -> bool:
    return "properties" in schema or "object" in _types(schema)


def _types(schema: JsonSchema) -> list[Any]:
    declared = schema.get("type", [])
    return cast("list[Any]", declared) if isinstance(declared, list) else [declared]


def _object(schema: JsonSchema) -> JsonSchema:
    properties = schema.get("properties")
    if not properties or schema.get("additionalProperties") not in (None, False):
        raise NotStrict("a free-form map")
    if barred := [keyword for keyword in _BARRED if keyword in schema]:
        raise NotStrict(barred[0])
    return {
        **{name: schema[name] for name in ("title", "description") if name in schema},
        "type": schema.get("type", "object"),
        "properties": {name: _nullable(_node(part)) for name, part in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(schema: JsonSchema) -> JsonSchema:
    if not _types(schema) and "enum" not in schema and "const" not in schema:
        raise NotStrict("a value of any type")
    kept = {keyword: schema[keyword] for keyword in _KEPT if keyword in schema}
    if schema.get("format") in _FORMATS:
        kept["format"] = schema["format"]
    if "array" in _types(schema):
        kept["items"] = _node(schema.get("items"))
    return kept


def _nullable(schema: JsonSchema) -> JsonSchema:
    types = _types(schema)
    if "null" in types or None in schema.get("enum", ()):
        return schema
    if not types or "const" in schema or "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [*types, "null"]}
