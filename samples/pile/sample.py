"""One document of the pile and what is true about it."""

from dataclasses import dataclass
from typing import Any

PROMPT = "invoice number, date, supplier, customer, total, currency"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """A file; it holds `fields`, or cannot be read for the reason `error`."""

    name: str
    content: bytes
    fields: Fields | None = None
    error: str | None = None

    @property
    def truth(self) -> dict[str, Any]:
        """The sample's entry in truth.json."""
        return {"error": self.error} if self.error else {"fields": self.fields}


def facts(
    invoice_number: str | None, date: str, supplier: str, customer: str | None, total: float, currency: str
) -> Fields:
    """The fields of PROMPT by the names the schema gives them; None where the document does not say."""
    return {
        "invoice_number": invoice_number,
        "date": date,
        "supplier": supplier,
        "customer": customer,
        "total": total,
        "currency": currency,
    }
