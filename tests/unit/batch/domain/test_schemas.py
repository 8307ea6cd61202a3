"""Which schemas are taken: bounded objects that refer to nothing outside themselves."""

import json
from typing import Any

import pytest

from batch.domain.schemas import MAX_BYTES, MAX_PROPERTIES, fault_of
from batch.wire.fields import schema_fault

GOOD = {"type": "object", "properties": {"total": {"type": ["number", "null"]}}, "required": ["total"]}


def nested(levels: int, opening: str = '{"items":', closing: str = "}") -> str:
    return f'{{"properties": {{"a": {opening * levels}{{}}{closing * levels}}}}}'


def with_properties(count: int) -> dict[str, Any]:
    return {"properties": {f"p{number}": {} for number in range(count)}}


@pytest.mark.parametrize(
    "schema",
    [
        GOOD,
        with_properties(MAX_PROPERTIES),
        {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}},
        {"properties": {"next": {"$ref": "#"}}},
        {"properties": {"$ref": {"type": "string"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **GOOD},
        {"$id": "https://example.com/invoice.json", **GOOD},
    ],
)
def test_a_bounded_schema_of_an_object_is_taken(schema: dict[str, Any]) -> None:
    assert schema_fault(json.dumps(schema)) is None


@pytest.mark.parametrize("text", ["", "{", "nul", "{'a': 1}", '{"properties": {}} x', "\ufeff{}"])
def test_text_that_is_not_json_is_refused(text: str) -> None:
    assert "is not JSON" in (fault_of(text) or "")


@pytest.mark.parametrize(
    "text", ["[]", "1", "null", '"x"', "{}", '{"type": "object"}', '{"properties": {}}', '{"properties": []}']
)
def test_json_that_is_no_schema_of_an_object_is_refused(text: str) -> None:
    assert "schema of an object" in (fault_of(text) or "")


@pytest.mark.catalogue("G27")
@pytest.mark.parametrize("levels", [19, 400, 600, 900, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"items":', "}"), ("[", "]")])
def test_a_deep_schema_is_refused_however_deep(levels: int, opening: str, closing: str) -> None:
    assert fault_of(nested(levels, opening, closing)) is not None


def test_a_schema_is_taken_up_to_the_deepest_level() -> None:
    assert fault_of(nested(17)) is None
    assert "levels deep" in (fault_of(nested(18)) or "")


@pytest.mark.catalogue("G27")
def test_a_schema_with_too_many_properties_is_refused_wherever_they_stand() -> None:
    half = with_properties(MAX_PROPERTIES // 2 + 1)
    spread = {"properties": {"a": half, "b": half}}
    assert "properties" in (fault_of(json.dumps(with_properties(MAX_PROPERTIES + 1))) or "")
    assert "properties" in (fault_of(json.dumps(spread)) or "")


def test_a_schema_of_too_many_bytes_is_refused_before_it_is_read() -> None:
    assert "bytes" in (fault_of("x" * (MAX_BYTES + 1)) or "")
    assert "bytes" in (fault_of("é" * (MAX_BYTES // 2 + 1)) or "")


@pytest.mark.catalogue("G27")
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
@pytest.mark.parametrize("target", ["http://169.254.169.254/", "file:///etc/passwd", "other.json", ""])
def test_a_reference_to_another_document_is_refused(keyword: str, target: str) -> None:
    schema = {"properties": {"a": {"anyOf": [{keyword: target}]}}}
    assert "other documents" in (fault_of(json.dumps(schema)) or "")


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "decimal"}}},
        {"properties": {"a": {"minimum": "1"}}},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"properties": {"a": {"pattern": "("}}},
    ],
)
def test_a_schema_that_the_draft_does_not_allow_is_refused(schema: dict[str, Any]) -> None:
    assert "draft 2020-12" in (schema_fault(json.dumps(schema)) or "")


def doubling(levels: int) -> dict[str, Any]:
    """Each definition names the next one twice."""
    twice = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": twice | {f"d{levels}": {}}}


COSTLY: list[tuple[dict[str, Any], str]] = [
    (doubling(40), "multiply"),
    (doubling(18), "multiply"),
    ({"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, "itself"),
    ({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"oneOf": [{"$ref": "#"}] * 2}}}, "itself"),
    ({"properties": {"a": {"$ref": "#/properties/a"}}}, "nothing between"),
    ({"properties": {"a": {"anyOf": [{"$ref": "#/properties/a"}]}}}, "nothing between"),
    (
        {"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"$ref": "#/$defs/c"}, "c": {"$ref": "#/$defs/b"}}},
        "nothing",
    ),
    ({"properties": {"a": {}}, "allOf": [{"$ref": "#"}]}, "nothing between"),
    ({"properties": {"a": {"$ref": "#other"}}, "$defs": {"b": {"$anchor": "other"}}}, "JSON pointers"),
    ({"properties": {"a": {"$id": "http://a/", "$ref": "#/b"}}}, "no $id"),
    ({"properties": {"a": {}}, "patternProperties": {f"a{n}": {} for n in range(51)}}, "patterns"),
    ({"properties": {"a": {"pattern": "a" * 201}}}, "patterns"),
    ({"properties": {"a": {"pattern": "((a{1000}){1000}){1000}"}}}, "draft 2020-12"),
]


@pytest.mark.catalogue("G27")
@pytest.mark.parametrize(("schema", "fault"), COSTLY)
def test_a_schema_that_costs_too_much_to_check_is_refused(schema: dict[str, Any], fault: str) -> None:
    assert fault in (schema_fault(json.dumps(schema)) or "")


def test_a_schema_may_name_a_definition_many_times_and_itself_once() -> None:
    address = {"type": "object", "properties": {"city": {"type": "string"}}}
    named = {f"p{n}": {"$ref": "#/$defs/address"} for n in range(190)}
    assert schema_fault(json.dumps({"properties": named, "$defs": {"address": address}})) is None
    tree = {"properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    assert schema_fault(json.dumps(tree)) is None


@pytest.mark.parametrize(
    "text", ['{"properties": {"a": {"const": NaN}}}', '{"properties": {"a": {"title": "\\ud800"}}}']
)
def test_json_that_only_python_reads_is_refused(text: str) -> None:
    assert schema_fault(text) is not None
