"""Schemas: derived from an instruction, or brought by a user and checked."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.domain.field_types import FieldType, item_parts, type_of
from extractor.domain.prompt import AskedField, asked_fields

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_PROPERTIES = 200
_MAX_NAME = 64
_NAME_WORDS = 6
_MAX_DESCRIPTION = 4000
_TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_JSON_TYPE: dict[FieldType, JsonSchema] = {
    "text": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "number": {"type": ["number", "null"]},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
}


def derive_schema(prompt: str) -> JsonSchema:
    """The schema of the fields an instruction names; the same words always give the same schema.

    Every property is required and may be null, nothing else is allowed, as the strict mode of model providers asks. An
    instruction that names no field gets one, `answer`.
    """
    asked = asked_fields(prompt) or (AskedField("answer", description=prompt.strip()[:_MAX_DESCRIPTION]),)
    properties: JsonSchema = {}
    for number, field in enumerate(asked[:MAX_PROPERTIES], 1):
        properties.setdefault(field_name(field.words) or f"field_{number}", _property(field))
    return {"title": "Extracted fields", "description": prompt.strip()[:_MAX_DESCRIPTION], **_object(properties)}


def field_name(words: str) -> str:
    """`Invoice No.` → `invoice_no`; empty when nothing can be spelled in ASCII."""
    spelled = (
        unicodedata.normalize("NFKD", _CAMEL.sub(" ", words).translate(_UMLAUTS)).encode("ascii", "ignore").decode()
    )
    parts = [part for part in _NOT_WORD.split(spelled.casefold()) if part]
    name = "_".join(parts[:_NAME_WORDS])[:_MAX_NAME].rstrip("_")
    return f"field_{name}" if name[:1].isdigit() else name


def check_schema(schema: Any) -> list[str]:
    """What stops a user's schema from being used, each fault with its place; empty when it can be used."""
    if not isinstance(schema, dict):
        return ["the schema must be a JSON object"]
    root = cast("JsonSchema", schema)
    size = len(json.dumps(root, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        return [f"the schema has {size} bytes; at most {MAX_BYTES} are allowed"]
    if _depth(root) > MAX_DEPTH * 3:
        return [f"the schema is nested deeper than {MAX_DEPTH} levels"]
    return [*_root_faults(root), *_faults(root, root, "", 1)]


def _property(field: AskedField) -> JsonSchema:
    described: JsonSchema = {"title": field.words}
    parts = item_parts(field)
    remark = field.description or ("" if parts else field.hint)
    if remark:
        described["description"] = remark
    if parts is None:
        return {**described, **_JSON_TYPE[type_of(field)]}
    return {**described, "type": ["array", "null"], "items": _items(parts)}


def _items(parts: tuple[AskedField, ...]) -> JsonSchema:
    if not parts:
        return {"type": "string"}
    return _object({field_name(part.words): _property(part) for part in parts if field_name(part.words)})


def _object(properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _root_faults(root: JsonSchema) -> Iterator[str]:
    if root.get("type") != "object":
        yield 'the root must have "type": "object"'
    properties = root.get("properties")
    if not isinstance(properties, dict) or not properties:
        yield 'the root must have "properties" with at least one field'
    elif len(cast("JsonSchema", properties)) > MAX_PROPERTIES:
        yield f"the root has {len(cast('JsonSchema', properties))} properties; at most {MAX_PROPERTIES} are allowed"


def _faults(node: JsonSchema, root: JsonSchema, path: str, level: int) -> Iterator[str]:
    if level > MAX_DEPTH:
        yield f"{path}: nested deeper than {MAX_DEPTH} levels"
        return
    yield from _type_faults(node, path)
    yield from _reference_faults(node, root, path)
    yield from _required_faults(node, path)
    for place, child in _children(node):
        if isinstance(child, dict):
            yield from _faults(cast("JsonSchema", child), root, f"{path}/{place}", level + 1)
        elif not isinstance(child, bool):
            yield f"{path}/{place}: a schema must be an object"


def _children(node: JsonSchema) -> Iterator[tuple[str, Any]]:
    for keyword in ("properties", "$defs", "definitions"):
        held = node.get(keyword)
        if isinstance(held, dict):
            yield from ((f"{keyword}/{name}", child) for name, child in cast("JsonSchema", held).items())
    for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
        held = node.get(keyword)
        if isinstance(held, list):
            yield from ((f"{keyword}/{index}", child) for index, child in enumerate(cast("list[Any]", held)))
    yield from ((keyword, node[keyword]) for keyword in ("items", "additionalProperties") if keyword in node)


def _type_faults(node: JsonSchema, path: str) -> Iterator[str]:
    declared = node.get("type", [])
    names = cast("list[Any]", declared if isinstance(declared, list) else [declared])
    for name in names:
        if name not in _TYPES:
            yield f"{path}/type: {json.dumps(name)} is not a JSON Schema type"
    choices = node.get("enum", [None])
    if not isinstance(choices, list) or not choices:
        yield f"{path}/enum: must be a list with at least one value"


def _reference_faults(node: JsonSchema, root: JsonSchema, path: str) -> Iterator[str]:
    reference = node.get("$ref")
    if reference is None:
        return
    if not isinstance(reference, str) or not reference.startswith("#"):
        yield f"{path}/$ref: {json.dumps(reference)} leads outside the schema; only references within it are allowed"
    elif resolve(reference, root) is None:
        yield f"{path}/$ref: {reference} leads nowhere"


def resolve(reference: str, root: JsonSchema) -> JsonSchema | None:
    """The part of the schema that a local reference names."""
    node: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or key not in node:
            return None
        node = cast("JsonSchema", node)[key]
    return cast("JsonSchema", node) if isinstance(node, dict) else None


def _required_faults(node: JsonSchema, path: str) -> Iterator[str]:
    required = node.get("required", [])
    properties = node.get("properties", {})
    if not isinstance(required, list) or not isinstance(properties, dict):
        yield f'{path}: "required" must be a list and "properties" an object'
        return
    missing = [name for name in cast("list[Any]", required) if name not in properties]
    for name in missing:
        yield f"{path}/required: {json.dumps(name)} is not among the properties"


def _depth(node: Any) -> int:
    """How deep containers are nested, without recursion, so that a hostile schema cannot exhaust the stack."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [child for parent in level for child in _nested(parent)]
    return deepest


def _nested(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(cast("JsonSchema", node).values())
    return cast("list[Any]", node) if isinstance(node, list) else []
