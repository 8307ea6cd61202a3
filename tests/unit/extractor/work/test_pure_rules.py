"""Chunks, strict schemas, nulls and waits: the pure rules behind the worker and the `openai` engine."""

from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.domain.asked import as_asked
from extractor.domain.chunks import chunks, merge
from extractor.domain.extraction import Citation, Extraction, JsonSchema, Usage
from extractor.domain.pages import Page
from extractor.domain.retry_after import retry_after
from extractor.domain.strict_schema import answer_schema

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=20), st.integers(1, 50))
def test_chunks_lose_no_character_and_none_is_too_long(texts: list[str], budget: int) -> None:
    pages = [Page(number, text) for number, text in enumerate(texts, 1)]
    packed = chunks(pages, budget)
    assert "".join(page.text for chunk in packed for page in chunk) == "".join(texts)
    assert all(sum(len(page.text) for page in chunk) <= budget for chunk in packed)


def test_chunks_keep_the_document_whole_when_it_fits() -> None:
    pages = (Page(1, "a"), Page(2, "b", tables=((("x",),),)))
    assert chunks(pages, 10) == [pages]


def test_chunks_cut_a_long_page_at_a_line_end() -> None:
    assert [page.text for chunk in chunks([Page(1, "one\ntwo\nthree\n")], 9) for page in chunk] == [
        "one\ntwo\n",
        "three\n",
    ]


def test_merge_takes_the_first_value_joins_lists_and_moves_citations() -> None:
    first = Extraction(
        {"total": None, "name": "A", "lines": [{"n": 1}], "by": {"x": 1, "y": None}},
        (Citation("/name", "A", 1), Citation("/lines/0/n", "1", 1)),
        Usage(1, 2, 3),
    )
    second = Extraction(
        {"total": 5, "name": "B", "lines": [{"n": 2}, {"n": 3}], "by": {"x": 9, "y": 2}},
        (
            Citation("/total", "5", 2),
            Citation("/name", "B", 2),
            Citation("/lines/1/n", "3", 2),
            Citation("/by/y", "2", 2),
        ),
        Usage(10, 20, 30),
    )
    merged = merge([first, second])
    assert merged.values == {"total": 5, "name": "A", "lines": [{"n": 1}, {"n": 2}, {"n": 3}], "by": {"x": 1, "y": 2}}
    assert [(citation.path, citation.quote) for citation in merged.citations] == [
        ("/name", "A"),
        ("/lines/0/n", "1"),
        ("/total", "5"),
        ("/lines/2/n", "3"),
        ("/by/y", "2"),
    ]
    assert merged.usage == Usage(11, 22, 33)


def test_strict_schema_closes_every_object_requires_every_property_and_allows_null() -> None:
    schema = {
        "type": "object",
        "properties": {
            "total": {"type": "number", "minimum": 0, "default": 3},
            "kind": {"enum": ["a", "b"]},
            "party": {"$ref": "#/$defs/party"},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/party"}, "minItems": 1},
        },
        "$defs": {"party": {"type": "object", "properties": {"name": {"type": "string", "format": "uri"}}}},
    }
    asked, strict = answer_schema(schema)
    values = asked["properties"]["values"]
    assert strict
    assert values["additionalProperties"] is False
    assert values["required"] == ["total", "kind", "party", "lines"]
    assert values["properties"]["total"] == {"type": ["number", "null"], "minimum": 0}
    assert asked["$defs"]["party"]["properties"]["name"] == {"type": ["string", "null"]}
    answer: JsonSchema = {
        "values": {"total": None, "kind": None, "party": None, "lines": [{"name": None}]},
        "citations": [],
    }
    assert jsonschema_rs.is_valid(asked, answer)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object"},
        {"oneOf": [{"type": "string"}]},
        {"allOf": [{"type": "string"}]},
        {"$ref": "#/properties/other"},
        {},
        True,
    ],
)
def test_strict_schema_is_not_claimed_when_it_cannot_say_what_the_owner_says(part: object) -> None:
    schema = {"type": "object", "properties": {"other": {"type": "string"}, "it": part}}
    asked, strict = answer_schema(schema)
    assert not strict
    assert asked["properties"]["values"] == schema


def test_nulls_that_the_schema_forbids_are_left_out_unless_they_are_required() -> None:
    schema = {
        "type": "object",
        "properties": {
            "optional": {"type": "string"},
            "nullable": {"type": ["string", "null"]},
            "required": {"type": "string"},
            "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
        },
        "required": ["required"],
        "$defs": {"row": {"type": "object", "properties": {"n": {"type": "number"}, "m": {}}}},
    }
    values = {"optional": None, "nullable": None, "required": None, "rows": [{"n": None, "m": None}]}
    assert as_asked(values, schema) == {"nullable": None, "required": None, "rows": [{"m": None}]}


def test_what_the_schema_does_not_name_is_left_out_at_every_depth() -> None:
    row = {"type": "object", "properties": {"amount": {"type": "number"}}}
    schema = {
        "type": "object",
        "properties": {"total": {"type": "number"}, "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}}},
        "$defs": {"row": row},
    }
    values = {"total": 1, "admin": True, "rows": [{"amount": 2, "password": "x"}]}
    assert as_asked(values, schema) == {"total": 1, "rows": [{"amount": 2}]}


_A: dict[str, Any] = {"type": "object", "properties": {"a": {}}}
_DECIDING: list[dict[str, Any]] = [
    {"type": "object"},
    {**_A, "additionalProperties": True},
    {**_A, "additionalProperties": False},
    {**_A, "patternProperties": {"^b": {}}},
    {**_A, "allOf": [{"properties": {"b": {}}}]},
    {"$ref": "#/$defs/it", "properties": {"b": {}}, "$defs": {"it": _A}},
]


@pytest.mark.parametrize("schema", _DECIDING)
def test_a_schema_that_decides_itself_about_other_names_is_left_to_its_check(schema: dict[str, Any]) -> None:
    assert as_asked({"a": 1, "b": 2}, schema) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 10),
        ({"retry-after": "5"}, 5),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 1),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "1e9"}, 3600),
        ({"retry-after": "inf"}, 3600),
        ({"retry-after": "nan"}, 10),
        ({"retry-after": "soon"}, 10),
        ({"retry-after": ""}, 10),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 -0000"}, 30),
        ({"retry-after": "Mon, 23 Nov 2020 12:00:30 GMT"}, 1),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
    ],
)
def test_retry_after_is_read_in_any_form(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers, 10, NOW) == seconds
