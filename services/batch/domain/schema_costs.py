"""What checking an answer against a schema may cost.

References multiply: forty definitions that each name the next one twice stand for 2^40 checks of one value. A schema
that refers to itself along one way costs as much as the answer is long, along two ways twice as much with each level.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

MAX_EXPANDED = 5_000
"""Nodes of a schema once every reference is replaced by what it names."""
MAX_CHAIN = 20
MAX_PATTERNS = 50
MAX_PATTERN_CHARACTERS = 200
REFERRING = ("$ref", "$dynamicRef", "$recursiveRef")


def cost_fault(schema: Mapping[str, Any]) -> str | None:
    """Say why an answer could not be checked in a bounded time and space, if so."""
    return _pattern_fault(schema) or _reference_fault(schema)


def nested(node: Any) -> Iterator[Any]:
    """What stands directly in an object or a list."""
    if isinstance(node, dict):
        yield from cast("dict[str, Any]", node).values()
    elif isinstance(node, list):
        yield from cast("list[Any]", node)


def references(node: Any) -> Iterator[str]:
    """What one object refers to."""
    if isinstance(node, dict):
        named = (cast("dict[str, Any]", node).get(keyword) for keyword in REFERRING)
        yield from (reference for reference in named if isinstance(reference, str))


def _pattern_fault(schema: Mapping[str, Any]) -> str | None:
    patterns = list(_patterns(schema))
    if len(patterns) > MAX_PATTERNS:
        return f"must have at most {MAX_PATTERNS} patterns"
    if any(len(pattern) > MAX_PATTERN_CHARACTERS for pattern in patterns):
        return f"must have patterns of at most {MAX_PATTERN_CHARACTERS} characters"
    return None


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        found = cast("dict[str, Any]", node)
        if isinstance(pattern := found.get("pattern"), str):
            yield pattern
        if isinstance(by_pattern := found.get("patternProperties"), dict):
            yield from cast("dict[str, Any]", by_pattern)
    for child in nested(node):
        yield from _patterns(child)


def _reference_fault(schema: Mapping[str, Any]) -> str | None:
    expanded, returns = 0, 0
    waiting: list[tuple[Any, tuple[str, ...]]] = [(schema, ("#",))]
    while waiting:
        node, chain = waiting.pop()
        expanded += 1
        for reference in references(node):
            if not (reference == "#" or reference.startswith("#/")):
                return "must refer by JSON pointers only, such as #/$defs/name"
            returns += reference in chain
            if reference not in chain:
                waiting.append((_target(schema, reference), (*chain, reference)))
        if node is not schema and isinstance(node, dict) and isinstance(cast("dict[str, Any]", node).get("$id"), str):
            return "must have no $id but at its root"
        if expanded > MAX_EXPANDED or len(chain) > MAX_CHAIN:
            return "must not multiply by its references"
        if returns > 1:
            return "must refer to itself at most once"
        waiting += [(child, chain) for child in nested(node)]
    return None


def _target(schema: Mapping[str, Any], reference: str) -> Any:
    """What a pointer names; nothing when it leads nowhere, which the validator says."""
    node: Any = schema
    for step in unquote(reference).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = cast("dict[str, Any]", node).get(name)
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(cast("list[Any]", node)):
            node = cast("list[Any]", node)[int(name)]
        else:
            return None
    return node
