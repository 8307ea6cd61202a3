"""The documents of the benchmark: letters of 20 KB with six fields at their head and foot, no two alike."""

from typing import Any

SIZE_BYTES = 20 * 1024
PROMPT = "invoice number, date, supplier, customer, total and currency"
VALUES: dict[str, Any] = {
    "invoice_number": "INV-2026-0117",
    "date": "2026-03-28",
    "supplier": "Harbour Light Chandlers",
    "customer": "Larkfield Joinery",
    "total": 1423.49,
    "currency": "EUR",
}
QUOTES = {
    "invoice_number": "Invoice number: INV-2026-0117",
    "date": "Date: 2026-03-28",
    "supplier": "Supplier: Harbour Light Chandlers",
    "customer": "Customer: Larkfield Joinery",
    "total": "Total: 1423.49 EUR",
    "currency": "Total: 1423.49 EUR",
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": ["number" if isinstance(value, float) else "string", "null"]} for name, value in VALUES.items()
    },
    "required": list(VALUES),
    "additionalProperties": False,
}
_HEAD = "\n".join(["INVOICE", *(QUOTES[name] for name in ("invoice_number", "date", "supplier", "customer")), "", ""])
_LINE = "Delivered as agreed in the framework contract of last year, on working days and without further notice.\n"


def document(number: int, size_bytes: int = SIZE_BYTES) -> bytes:
    """One document of exactly that size."""
    foot = f"{QUOTES['total']}\nSheet {number}\n"
    room = size_bytes - len(_HEAD) - len(foot)
    body = (_LINE * (room // len(_LINE) + 1))[: room - 1] + "\n"
    return (_HEAD + body + foot).encode()
