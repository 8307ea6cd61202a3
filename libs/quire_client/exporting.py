"""Results as files: CSV for people with spreadsheets, JSON and JSON lines for programs."""

import csv
import json
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from typing import Any, TextIO

from quire_client.results import ExtractedField, Result

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FIRST_COLUMNS = ("document", "status")
_LAST_COLUMNS = ("ungrounded_fields", "error")


def record(result: Result) -> dict[str, Any]:
    """One result as JSON-ready values."""
    error = result.error
    return {
        "document_id": result.document_id,
        "document": result.name,
        "position": result.position,
        "status": result.status,
        "values": result.values,
        "fields": [_field_record(found) for found in result.fields],
        "ungrounded_fields": result.ungrounded,
        "warnings": result.warnings,
        "source": result.document,
        "engine": result.engine,
        "usage": result.usage,
        "error": error and {"code": error.code, "message": error.message, "actor": error.actor, "remedy": error.remedy},
    }


def _field_record(found: ExtractedField) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ExtractedField.__slots__}


async def write_jsonl(results: AsyncIterable[Result], out: TextIO) -> int:
    """Write one object a line as they come; answer how many."""
    count = 0
    async for result in results:
        out.write(json.dumps(record(result), ensure_ascii=False) + "\n")
        out.flush()
        count += 1
    return count


async def write_json(results: AsyncIterable[Result], out: TextIO) -> int:
    """Write one array as they come; answer how many."""
    count = 0
    async for result in results:
        out.write(("[\n" if count == 0 else ",\n") + json.dumps(record(result), ensure_ascii=False))
        count += 1
    out.write("\n]\n" if count else "[]\n")
    return count


async def write_csv(results: AsyncIterable[Result], out: TextIO) -> int:
    """Write one row per document; holds all of them, as the columns are known only at the end. Answer how many."""
    collected = [result async for result in results]
    writer = csv.writer(out, lineterminator="\r\n")
    for row in csv_rows(collected):
        writer.writerow(row)
    return len(collected)


def csv_rows(results: Sequence[Result]) -> Iterator[list[str]]:
    """The heading, then a row per document: document, status, every field in the order first seen, notes."""
    names = field_names(results)
    yield [*_FIRST_COLUMNS, *(neutralised(_heading(name)) for name in names), *_LAST_COLUMNS]
    for result in results:
        code = result.error.code if result.error else ""
        cells = (cell_text(result.values.get(name)) for name in names)
        yield [neutralised(result.name), result.status, *cells, neutralised(", ".join(result.ungrounded)), code]


def field_names(results: Iterable[Result]) -> list[str]:
    """Top-level fields of all results in the order first seen."""
    return list(dict.fromkeys(name for result in results for name in result.values))


def _heading(name: str) -> str:
    return f"{name} (field)" if name in _FIRST_COLUMNS + _LAST_COLUMNS else name


def cell_text(value: Any) -> str:
    """A value as a cell: text neutralised, numbers plain, lists and objects as JSON, nothing as nothing."""
    match value:
        case None:
            return ""
        case str():
            return neutralised(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def neutralised(text: str) -> str:
    """Text that a spreadsheet shows and never runs: a leading apostrophe where it would start a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
