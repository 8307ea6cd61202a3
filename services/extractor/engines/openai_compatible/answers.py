"""What a model wrote, read strictly: one JSON object of a bounded size, or a fault."""

import json
import math
from typing import Any, Never, cast

from chassis.failures import FailureCode
from extractor.domain.extraction import Citation, Usage
from extractor.domain.faults import EngineFault

MAX_ANSWER_BYTES = 1024 * 1024


def read_object(text: str, usage: Usage) -> dict[str, Any]:
    """Read the answer. Raises EngineFault OUTPUT_SCHEMA_INVALID: not JSON, repeated keys, NaN, infinite, too long."""
    if len(text.encode(errors="replace")) > MAX_ANSWER_BYTES:
        raise _unusable("the answer is longer than 1 MiB", usage)
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise _unusable("the answer is not one JSON object", usage) from error
    if not isinstance(found, dict):
        raise _unusable("the answer is not one JSON object", usage)
    return cast("dict[str, Any]", found)


def read_values(answer: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """The `values` of an answer; raises EngineFault."""
    values = answer.get("values")
    if not isinstance(values, dict):
        raise _unusable("the answer has no `values`", usage)
    return cast("dict[str, Any]", values)


def read_citations(answer: dict[str, Any]) -> tuple[Citation, ...]:
    """The citations that can be used; a value without one is only less sure."""
    listed = answer.get("citations")
    entries = cast("list[Any]", listed) if isinstance(listed, list) else []
    return tuple(citation for entry in entries if (citation := _citation(entry)) is not None)


def _citation(entry: Any) -> Citation | None:
    match entry:
        case {"path": str(path), "quote": str(quote), "page": int(page)}:
            return Citation(path if path.startswith("/") else f"/{path}", quote, max(page, 0))
        case _:
            return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number beyond all bounds")
    return number


def _unusable(message: str, usage: Usage) -> EngineFault:
    return EngineFault(FailureCode.OUTPUT_SCHEMA_INVALID, message, usage)
