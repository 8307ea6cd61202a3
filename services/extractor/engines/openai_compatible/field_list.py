"""The model's list of fields, made into a schema by rule, so that no model can write one that does not hold."""

from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.domain.schema import field_name

_LEAVES: dict[str, JsonSchema] = {
    "text": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "number": {"type": ["number", "null"]},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "list": {"type": ["array", "null"], "items": {"type": "string"}},
}


def schema_of_fields(prompt: str, answer: dict[str, Any]) -> JsonSchema | None:
    """The schema of the fields listed; None when the list holds no field that can be used."""
    properties = _properties(answer.get("fields"))
    if not properties:
        return None
    return {"title": "Extracted fields", "description": prompt.strip(), **_closed(properties)}


def _properties(listed: Any) -> dict[str, JsonSchema]:
    entries = cast("list[Any]", listed) if isinstance(listed, list) else []
    found: dict[str, JsonSchema] = {}
    for entry in entries:
        match entry:
            case {"name": str(name), "type": str(kind), **rest} if field_name(name):
                found.setdefault(field_name(name), _property(kind, cast("dict[str, Any]", rest)))
            case _:
                continue
    return found


def _property(kind: str, rest: dict[str, Any]) -> JsonSchema:
    description = str(rest.get("description") or "").strip()
    described: JsonSchema = {"description": description} if description else {}
    columns = _properties(rest.get("columns")) if kind == "table" else {}
    if columns:
        return {**described, "type": ["array", "null"], "items": _closed(columns)}
    return {**described, **_LEAVES.get(kind, _LEAVES["text"])}


def _closed(properties: dict[str, JsonSchema]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
