import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.domain.schema import MAX_BYTES, check_schema, derive_schema, field_name


def types(prompt: str) -> dict[str, str]:
    properties = derive_schema(prompt)["properties"]
    return {name: node.get("format", node["type"][0]) for name, node in properties.items()}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            "invoice number, date, supplier, customer, total, currency",
            {
                "invoice_number": "string",
                "date": "date",
                "supplier": "string",
                "customer": "string",
                "total": "number",
                "currency": "string",
            },
        ),
        ("Extract the invoice number and the total amount", {"invoice_number": "string", "total_amount": "number"}),
        (
            "Please extract from each invoice:\n- Due date\n- total (number)\n* VAT ID",
            {"due_date": "date", "total": "number", "vat_id": "string"},
        ),
        (
            "name: the full name\nbirth date: day of birth\nis married: yes/no",
            {"name": "string", "birth_date": "date", "is_married": "boolean"},
        ),
        (
            "Gib mir die Rechnungsnummer, Datum und Gesamtbetrag",
            {"rechnungsnummer": "string", "datum": "date", "gesamtbetrag": "number"},
        ),
        ("For each invoice, extract total and currency.", {"total": "number", "currency": "string"}),
        (
            "Get invoice number and date from these invoices. Dates must be ISO.",
            {"invoice_number": "string", "date": "date"},
        ),
        (
            "1. Invoice No.\n2. Amount due\n3. number of pages",
            {"invoice_no": "string", "amount_due": "number", "number_of_pages": "integer"},
        ),
        ("supplier name; terms and conditions", {"supplier_name": "string", "terms_and_conditions": "string"}),
        ("What is this about?", {"answer": "string"}),
        ("", {"answer": "string"}),
    ],
)
def test_a_prompt_becomes_the_fields_it_names(prompt: str, expected: dict[str, str]) -> None:
    assert types(prompt) == expected


def test_line_items_become_a_list_of_objects_with_the_parts_named() -> None:
    schema = derive_schema("total, line items (description, quantity, unit price)")
    parts = schema["properties"]["line_items"]["items"]["properties"]
    assert {name: node["type"][0] for name, node in parts.items()} == {
        "description": "string",
        "quantity": "integer",
        "unit_price": "number",
    }


def test_the_users_words_stay_as_title_and_description() -> None:
    field = derive_schema("Grand Total (incl. shipping)\n- x: y")["properties"]["grand_total"]
    assert (field["title"], field["description"]) == ("Grand Total", "incl. shipping")


@given(st.text(max_size=200))
def test_any_prompt_gives_a_strict_and_valid_schema_twice_the_same(prompt: str) -> None:
    schema = derive_schema(prompt)
    assert schema == derive_schema(prompt)
    assert check_schema(schema) == []
    assert schema["required"] == list(schema["properties"]) != []
    assert schema["additionalProperties"] is False
    jsonschema_rs.validator_for(schema).validate(dict.fromkeys(schema["properties"]))


@given(st.text(max_size=80))
def test_a_field_name_is_snake_case_or_empty(words: str) -> None:
    name = field_name(words)
    assert name == "" or (name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit())


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ([], "the schema must be a JSON object"),
        ({"type": "array"}, 'the root must have "type": "object"'),
        ({"type": "object"}, 'the root must have "properties" with at least one field'),
        (
            {"type": "object", "properties": {"a": {"type": "money"}}},
            '/properties/a/type: "money" is not a JSON Schema type',
        ),
        ({"type": "object", "properties": {"a": 1}}, "/properties/a: a schema must be an object"),
        ({"type": "object", "properties": {"a": {"$ref": "http://x/y"}}}, "leads outside the schema"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "leads nowhere"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, '/required: "b" is not among the properties'),
        (
            {"type": "object", "properties": {"a": {"enum": []}}},
            "/properties/a/enum: must be a list with at least one value",
        ),
        ({"type": "object", "properties": {"a": {"description": "x" * MAX_BYTES}}}, "bytes"),
    ],
)
def test_a_users_schema_is_refused_with_its_fault_and_place(schema: Any, fault: str) -> None:
    assert any(fault in found for found in check_schema(schema))


def test_a_schema_nested_too_deep_is_refused_and_exhausts_nothing() -> None:
    node: dict[str, Any] = {"type": "string"}
    for _ in range(30):
        node = {"type": "object", "properties": {"a": node}}
    assert any("nested" in fault for fault in check_schema(node))
    assert len(json.dumps(node)) < MAX_BYTES
