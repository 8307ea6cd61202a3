"""The documents of a chaos run: small texts that say whose they are, and files nobody can read."""

import random
from dataclasses import dataclass

from tests.chaos.records import canary_of

PROMPT = "the mark of the document"
SCHEMA = {
    "type": "object",
    "properties": {"mark": {"type": "string"}, "invoice_number": {"type": ["string", "null"]}},
    "required": ["mark", "invoice_number"],
    "additionalProperties": False,
}
UNREADABLE_SHARE = 0.05
# What each unreadable file begins with: a program, and a PDF that ends at once.
_UNREADABLE = (b"\x7fELF\x02\x01\x01\x00", b"%PDF-1.7\n1 0 obj << /Type /Catalog")


@dataclass(frozen=True)
class Paper:
    """A file to submit."""

    name: str
    mark: str
    content: bytes
    readable: bool


def write_paper(rng: random.Random, tenant: str) -> Paper:
    """A document nobody has written before."""
    mark = f"mk-{rng.getrandbits(64):016x}"
    lines = f"Mark: {mark}\nCanary: {canary_of(tenant)}\nInvoice number: INV-{rng.randrange(10_000):04}\n"
    if rng.random() < UNREADABLE_SHARE:
        return Paper(f"{mark}.bin", mark, rng.choice(_UNREADABLE) + lines.encode(), readable=False)
    filling = "".join(f"Item {line}: paper and ink, {rng.randrange(100)}.50\n" for line in range(rng.randrange(60)))
    return Paper(f"{mark}.txt", mark, (lines + filling).encode(), readable=True)
