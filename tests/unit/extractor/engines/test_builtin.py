import asyncio
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.domain.extraction import Extraction, JsonSchema
from extractor.domain.grounding import ground
from extractor.domain.pages import Page, ParsedDocument, Table
from extractor.domain.schema import derive_schema
from extractor.engines.builtin import BuiltinEngine
from samples.score import Truth, score

PROMPT = "invoice number, date, supplier, customer, total, currency"


def page(text: str, *tables: Table, media_type: str = "text/plain") -> ParsedDocument:
    return ParsedDocument(media_type, (Page(1, text, tables),))


def extracted(document: ParsedDocument, wanted: str | JsonSchema = PROMPT) -> Extraction:
    schema = derive_schema(wanted) if isinstance(wanted, str) else wanted
    return asyncio.run(BuiltinEngine().extract(document, "", schema))


def values(text: str, wanted: str | JsonSchema = PROMPT) -> dict[str, Any]:
    return extracted(page(text), wanted).values


def one(text: str, wanted: str) -> Any:
    return next(iter(values(text, wanted).values()))


def layouts(name: str) -> list[dict[str, Any]]:
    return tomllib.loads((Path(__file__).parent / f"{name}_layouts.toml").read_text(encoding="utf-8"))["layout"]


@pytest.mark.parametrize("name", ["unseen", "later"])
def test_the_engine_finds_most_and_invents_little_on_layouts_it_was_not_made_for(name: str) -> None:
    read = {
        each["name"]: extracted(page(each["text"], media_type=each.get("media_type", "text/plain")))
        for each in layouts(name)
    }
    truths = {
        each["name"]: {key: None if value == "" else value for key, value in each["truth"].items()}
        for each in layouts(name)
    }
    truth: Truth = {"prompt": PROMPT, "documents": {key: {"fields": fields} for key, fields in truths.items()}}
    result = score(truth, {key: extraction.values for key, extraction in read.items()})
    assert result.recall >= 0.85, result.misses
    assert result.precision >= 0.95, result.misses


@pytest.mark.parametrize("name", ["unseen", "later"])
def test_every_answer_keeps_to_the_schema(name: str) -> None:
    schema = derive_schema(f"{PROMPT}, due date, quantity, line items, paid (yes/no)")
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    for each in layouts(name):
        validator.validate(extracted(page(each["text"]), schema).values)


@pytest.mark.parametrize("name", ["unseen", "later"])
def test_every_value_is_grounded_in_the_quote_the_engine_cites(name: str) -> None:
    for each in layouts(name):
        document = page(each["text"])
        extraction = extracted(document, f"{PROMPT}, line items")
        assert all(field.grounded for field in ground(extraction.values, extraction.citations, document))


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        ("Due date: 3 May 2026\nDate: 1 May 2026", "date", "2026-05-01"),
        ("Due date: 3 May 2026\nDate: 1 May 2026", "due date", "2026-05-03"),
        ("Subtotal 100.00\nVAT 20.00\nTotal 120.00", "total", 120),
        ("Subtotal 100.00\nVAT 20.00\nTotal 120.00", "vat amount", 20),
        ("Subtotal 100.00\nVAT 20.00\nTotal 120.00", "subtotal", 100),
        ("Total EUR 1.250,00", "currency", "EUR"),
        ("VAT rate: 19 %", "vat rate", 19),
        ("Contact: Ada Brook\nE-mail: ada@brook.example", "email", "ada@brook.example"),
        ("Tel. +44 20 7946 0018", "phone", "+44 20 7946 0018"),
        ("IBAN: DE21 6005 0101 0002 0343 04", "iban", "DE21 6005 0101 0002 0343 04"),
        ("Project code: Alpha 7", "project code", "Alpha 7"),
        ("Vessel\tMV Astrid", "vessel", "MV Astrid"),
        ("Number of pallets: 14", "number of pallets", 14),
        ("Name: Ada Brook", "name", "Ada Brook"),
        ("Insured: yes", "insured (yes/no)", True),
        ("Bill to: Acme, Inc., 5 Elm St", "customer", "Acme, Inc."),
        ("Date: 03/04/2026", "date", None),
        ("Date: 03/04/2026\nDelivered: 17/03/2026", "date", "2026-04-03"),
        ("Invoice date: soon", "date", None),
        ("Customer service is open all day", "customer", None),
        ("Total quality management", "total", None),
    ],
)
def test_a_field_is_read_beside_its_own_label_only(text: str, wanted: str, expected: Any) -> None:
    assert one(text, wanted) == expected


def test_a_value_is_found_below_its_heading_in_a_table() -> None:
    rows = (("Invoice No", "Customer", "Total"), ("A-17", "Lark Ltd", "12.50 €"))
    document = page("".join("\t".join(row) + "\n" for row in rows), rows)
    assert extracted(document, "invoice number, customer, total").values == {
        "invoice_number": "A-17",
        "customer": "Lark Ltd",
        "total": 12.5,
    }


def test_headings_of_an_item_table_are_no_totals() -> None:
    assert values("Description\tQty\tTotal\nPens\t2\t9.00", "total") == {"total": None}


def test_line_items_end_where_the_sums_begin_and_each_value_is_cited() -> None:
    text = "Item\tQty\tUnit price\tAmount\nPens\t2\t1.50\t3.00\nInk\t1\t4.00\t4.00\nTotal\t\t\t7.00\n"
    extraction = extracted(
        page(text, tuple(tuple(line.split("\t")) for line in text.splitlines())), "total, line items"
    )
    assert extraction.values["line_items"] == [
        {"description": "Pens", "quantity": 2, "unit_price": 1.5, "amount": 3},
        {"description": "Ink", "quantity": 1, "unit_price": 4, "amount": 4},
    ]
    assert {citation.path for citation in extraction.citations} >= {
        "/total",
        "/line_items/0/description",
        "/line_items/1/amount",
    }


def test_a_schema_of_the_users_own_is_filled_in_its_own_shape() -> None:
    schema: JsonSchema = {
        "type": "object",
        "properties": {
            "supplier": {"$ref": "#/$defs/party"},
            "status": {"enum": ["paid", "open"]},
            "total": {"type": ["string", "null"]},
            "issued": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "$defs": {
            "party": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "city": {"type": ["string", "null"]}},
            }
        },
    }
    text = "Supplier: Lark Ltd\nStatus: PAID\nIssued: 1 May 2026\nTotal: £5.00\n"
    assert values(text, schema) == {
        "supplier": {"name": "Lark Ltd", "city": None},
        "status": "paid",
        "total": "£5.00",
        "issued": "2026-05-01",
        "tags": [],
    }


def test_a_schema_that_unfolds_without_end_is_cut_off() -> None:
    properties = {f"p{number}": {"$ref": "#"} for number in range(50)}
    assert len(values("Total 5.00", {"type": "object", "properties": properties})) >= 1


def test_the_writer_of_an_order_is_its_customer_and_of_an_invoice_its_supplier() -> None:
    assert values("Lark Ltd\nPurchase Order\nVendor: Wren plc")["customer"] == "Lark Ltd"
    assert values("Lark Ltd\nInvoice 7\nBill to: Wren plc")["supplier"] == "Lark Ltd"


def test_the_engine_says_null_to_a_text_without_any_of_it() -> None:
    assert set(values("It rained.\nThe cat slept on the invoice all day.").values()) == {None}


@given(st.text(alphabet="Total:\n\t 1234.,€-()/|INVOICEdate\"'", max_size=300))
def test_any_text_is_answered_in_the_shape_of_the_schema(text: str) -> None:
    assert list(values(text)) == ["invoice_number", "date", "supplier", "customer", "total", "currency"]


def test_the_engine_names_itself_and_derives_schemas() -> None:
    engine = BuiltinEngine()
    assert (engine.name, engine.model) == ("builtin", "1")
    assert list(asyncio.run(engine.derive_schema("a date"))["properties"]) == ["date"]
