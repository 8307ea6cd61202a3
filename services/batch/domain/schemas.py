"""Which extraction schemas are taken: objects of bounded size and depth that refer to nothing outside themselves."""

import json
from collections.abc import Iterable
from typing import Any, cast

from batch.domain.schema_costs import cost_fault, nested, references

MAX_BYTES = 64 * 1024
MAX_PROPERTIES = 500
MAX_DEPTH = 20
"""Levels of JSON, of which a nested object takes two."""


def fault_of(text: str) -> str | None:
    """Say why a schema cannot be taken, if so."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return f"must have at most {MAX_BYTES} bytes"
    try:
        schema: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"is not JSON: {error}"
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict) or not schema["properties"]:  # pyright: ignore[reportUnknownMemberType]
        return 'must be the schema of an object, with "properties"'
    return _shape_fault(cast("Any", schema))


def _shape_fault(schema: Any) -> str | None:
    if _is_deeper(schema, MAX_DEPTH):
        return f"must nest at most {MAX_DEPTH} levels deep"
    if _count_properties(schema) > MAX_PROPERTIES:
        return f"must have at most {MAX_PROPERTIES} properties"
    if any(not reference.startswith("#") for reference in _references(schema)):
        return "must not refer to other documents"
    return cost_fault(schema)


def _is_deeper(node: Any, levels: int) -> bool:
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in nested(node))


def _count_properties(node: Any) -> int:
    own: Any = cast("dict[str, Any]", node).get("properties") if isinstance(node, dict) else None
    counted = len(cast("dict[str, Any]", own)) if isinstance(own, dict) else 0
    return counted + sum(map(_count_properties, nested(node)))


def _references(node: Any) -> Iterable[str]:
    yield from references(node)
    for child in nested(node):
        yield from _references(child)
