"""A value made to fit its place in the schema; null when it does not."""

from typing import Any, cast

from extractor.domain.extraction import JsonSchema
from extractor.engines.builtin.tokens import words_of
from extractor.engines.builtin.wanted import types_of

_YES = frozenset({"yes", "y", "true", "ja", "oui", "si", "x"})
_NO = frozenset({"no", "n", "false", "nein", "non"})


def fitted(value: Any, words: str, node: JsonSchema) -> Any:
    """The value as the schema's type, its choice or its format wants it; `words` are its words in the document."""
    types = types_of(node)
    if "enum" in node:
        return _choice(words, cast("list[Any]", node["enum"]))
    if isinstance(value, int | float):
        return _fitted_number(value, words, types)
    if "string" in types:
        return f"{value}T00:00:00Z" if node.get("format") == "date-time" else str(value)
    return _yes_no(words) if "boolean" in types else None


def _fitted_number(value: float, words: str, types: list[str]) -> Any:
    if "number" in types:
        return value
    if "integer" in types:
        return int(value) if value == int(value) else None
    return words if "string" in types else None


def _choice(words: str, choices: list[Any]) -> Any:
    said = words_of(words)
    texts = [choice for choice in choices if isinstance(choice, str)]
    exact = next((choice for choice in texts if words_of(choice) == said), None)
    return exact or next((choice for choice in texts if words_of(choice) == said[: len(words_of(choice))]), None)


def _yes_no(words: str) -> bool | None:
    first = next(iter(words_of(words)), "")
    return first in _YES if first in _YES | _NO else None
