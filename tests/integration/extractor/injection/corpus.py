"""Every payload in every carrier, each with a canary of its own."""

import hashlib
from dataclasses import dataclass

from tests.integration.extractor.injection.carriers import CARRIERS, Carrier
from tests.integration.extractor.injection.payloads import PAYLOADS, Payload

PROMPT = "supplier, invoice number, total"
SCHEMA = {
    "type": "object",
    "properties": {
        "supplier": {"type": ["string", "null"]},
        "invoice_number": {"type": ["string", "null"]},
        "total": {"type": ["number", "null"]},
    },
    "required": ["supplier", "invoice_number", "total"],
}
"""As most owners write one: silent about properties it does not name."""


@dataclass(frozen=True)
class Injected:
    """One document of the corpus."""

    carrier: Carrier
    payload: Payload

    @property
    def name(self) -> str:
        return f"{self.payload.name}-{self.carrier.name}.{self.carrier.suffix}"

    @property
    def canary(self) -> str:
        """Stands in this document alone."""
        return f"cn{hashlib.sha256(self.name.encode()).hexdigest()[:16]}"

    def content(self, thief_port: int) -> bytes:
        """The bytes; addresses in it lead to this port of ours."""
        return self.carrier.make(f"{self.payload.text.replace('{port}', str(thief_port))}\nRef {self.canary}")


CORPUS: tuple[Injected, ...] = tuple(Injected(carrier, payload) for payload in PAYLOADS for carrier in CARRIERS)
