"""What checking an answer against a schema may cost.

References multiply: forty definitions that each name the next one twice stand for 2^40 checks of one value. A schema
that refers to itself along one way costs as much as the answer is long, along two ways twice as much with each level.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

MAX_EXPANDED = 20_000
"""Nodes of a schema once every reference is replaced by what it names."""
MAX_CHAIN = 20
MAX_PATTERNS = 50
MAX_PATTERN_CHARACTERS = 200
_SAME_VALUE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
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
    yield from (text for keyword in REFERRING if (text := _text_at(node, keyword)) is not None)


def _text_at(node: Any, keyword: str) -> str | None:
    found: Any = cast("dict[str, Any]", node).get(keyword) if isinstance(node, dict) else None
    return found if isinstance(found, str) else None


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


@dataclass(frozen=True, slots=True)
class _Place:
    """A node on the way from the root, every reference replaced."""

    node: Any
    chain: tuple[str, ...] = ("#",)
    """The references followed to get here."""
    here: tuple[str, ...] = ("#",)
    """Those of them that speak of the same value."""

    def followed(self, schema: Mapping[str, Any], reference: str) -> "_Place":
        return _Place(_target(schema, reference), (*self.chain, reference), (*self.here, reference))

    def below(self) -> "Iterator[_Place]":
        node = self.node
        if isinstance(node, dict):
            for keyword, child in cast("dict[str, Any]", node).items():
                yield _Place(child, self.chain, self.here if keyword in _SAME_VALUE else ())
        elif isinstance(node, list):
            yield from (_Place(child, self.chain, self.here) for child in cast("list[Any]", node))


def _reference_fault(schema: Mapping[str, Any]) -> str | None:
    expanded, returns = 0, 0
    waiting = [_Place(schema)]
    while waiting:
        place = waiting.pop()
        expanded += 1
        for reference in references(place.node):
            if reference in place.here:
                return "must not refer to itself with nothing between"
            returns += reference in place.chain
            if reference not in place.chain:
                waiting.append(place.followed(schema, reference))
        fault = _node_fault(place.node, is_root=expanded == 1)
        if fault or returns > 1 or expanded > MAX_EXPANDED or len(place.chain) > MAX_CHAIN:
            return fault or (
                "must refer to itself at most once" if returns > 1 else "must not multiply by its references"
            )
        waiting += place.below()
    return None


def _node_fault(node: Any, *, is_root: bool) -> str | None:
    if not all(reference == "#" or reference.startswith("#/") for reference in references(node)):
        return "must refer by JSON pointers only, such as #/$defs/name"
    if not is_root and _text_at(node, "$id") is not None:
        return "must have no $id but at its root"
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
