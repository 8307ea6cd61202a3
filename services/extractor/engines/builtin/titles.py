"""What a document is and who wrote it, told by its title, else by what only one side says."""

import re
from collections.abc import Iterator
from typing import Literal

from extractor.engines.builtin.lexicon import Words, lexicon
from extractor.engines.builtin.sources import Source, iter_lines
from extractor.engines.builtin.tokens import words_of

Role = Literal["supplier", "customer"]

_BUYER_TITLES = {
    ("purchase", "order"),
    ("bestellung",),
    ("order", "form"),
    ("bon", "de", "commande"),
    ("orden", "de", "compra"),
}
_SELLER_TITLES = {
    ("invoice",), ("tax", "invoice"), ("rechnung",), ("facture",), ("factura",), ("receipt",), ("sales", "receipt"),
    ("quittung",), ("kassenbon",), ("credit", "note"), ("gutschrift",), ("bill",), ("statement",), ("fattura",),
    ("quote",), ("quotation",), ("angebot",), ("order", "confirmation"), ("delivery", "note"), ("lieferschein",),
    ("ticket",), ("recu",), ("commercial", "invoice"), ("proforma", "invoice"), ("pro", "forma", "invoice"),
}  # fmt: skip
_INVOICE_TITLES = {
    title for title in _SELLER_TITLES if {"invoice", "rechnung", "facture", "factura", "fattura"} & {*title}
}
_SUBJECT = re.compile(r"^(?:subject|betreff|objet|asunto)\s*:\s*(?:(?:re|fwd?|aw|wg)\s*:\s*)*", re.IGNORECASE)
_BUYER_SAYS = re.compile(
    r"\b(?:we (?:would|'d) like to order|we (?:hereby )?order|please (?:supply|deliver|send us)|our purchase order|"
    r"(?:hiermit )?bestellen wir|wir bestellen|nous commandons)\b",
    re.IGNORECASE,
)
_SELLER_SAYS = re.compile(
    r"\b(?:thank you for your (?:order|purchase|business|payment)|your order (?:has|is|was)|"
    r"please find (?:attached|enclosed) (?:our|your|the) invoice|we (?:have )?(?:charged|shipped)|"
    r"vielen dank für ihren? (?:bestellung|einkauf|auftrag)|merci (?:de|pour) votre)\b",
    re.IGNORECASE,
)
_TILL = re.compile(
    r"^[ \t]*(?:cash|change|change due|tendered|visa|mastercard|debit|bar|rückgeld|gegeben|ec-karte|girocard|"
    r"espèces|efectivo)\b[^\n]{0,60}\d[.,]\d\d\b",
    re.IGNORECASE | re.MULTILINE,
)
_SAYING_REACH = 4000
_TITLE_LINES = 15
_TITLE_WORDS = 4
_HEAD_CELLS = 6


def writer_of(source: Source) -> Role | None:
    """Told by the title among the first lines, else by what only one side says, else by an invoice's number."""
    title = _title(source)
    if title is not None:
        return "customer" if title in _BUYER_TITLES else "supplier"
    return _speaker(source) or ("supplier" if _has_invoice_number(source) else None)


def is_invoice(source: Source) -> bool:
    """Whether the title says so."""
    return _title(source) in _INVOICE_TITLES


def _title(source: Source) -> Words | None:
    for cells in head_cells(source, _TITLE_LINES):
        for text in cells:
            words = tuple(word for word in words_of(_SUBJECT.sub("", text)) if word.isalpha())
            title = title_in(words)
            if title is not None:
                return title
    return None


def _has_invoice_number(source: Source) -> bool:
    return any(words in source.labels_by_words for words in lexicon()["invoice_number"].labels[0])


def _speaker(source: Source) -> Role | None:
    text = source.document.pages[0].text[:_SAYING_REACH] if source.document.pages else ""
    buyer, seller = _BUYER_SAYS.search(text), _SELLER_SAYS.search(text) or _TILL.search(text)
    if (buyer is None) == (seller is None):
        return None
    return "customer" if buyer else "supplier"


def title_in(words: Words) -> Words | None:
    """A title stands nearly alone: `Invoice INV-7` is one, `Invoice address of our branch` is none."""
    if len(words) > _TITLE_WORDS:
        return None
    fitting = [title for title in _BUYER_TITLES | _SELLER_TITLES if words[: len(title)] == title]
    return max(fitting, key=len, default=None)


def head_cells(source: Source, lines: int) -> Iterator[list[str]]:
    """Cells of the first lines that are not empty, heading marks taken off."""
    seen = 0
    for grid, number in iter_lines(source, pages=1):
        cells = [cell.text.lstrip("#*= ").rstrip("*= ") for cell in grid.rows[number].cells[:_HEAD_CELLS]]
        filled = [text for text in cells if text]
        seen += bool(filled)
        if seen > lines:
            return
        yield filled
