"""What type a field has, told from its name as people name things in English, German, French and Spanish."""

import re
from typing import Literal

from extractor.domain.prompt import AskedField

FieldType = Literal["text", "date", "number", "integer", "boolean"]

_HINTS: dict[str, FieldType] = {
    "date": "date", "datum": "date", "iso date": "date", "yyyy-mm-dd": "date", "fecha": "date",
    "number": "number", "float": "number", "decimal": "number", "amount": "number", "money": "number", "zahl": "number",
    "numeric": "number", "integer": "integer", "int": "integer", "whole number": "integer", "count": "integer",
    "boolean": "boolean", "bool": "boolean", "yes/no": "boolean", "true/false": "boolean", "ja/nein": "boolean",
    "string": "text", "text": "text", "str": "text",
}  # fmt: skip
_IDENTIFIER = re.compile(
    r"(?:\b(?:number|no|nr|num|id|code|reference|ref|iban|bic|swift|sku|key|name|address|email|e-mail|phone|currency|"
    r"method|terms?|type|status|description|währung|devise|moneda|numero|número|numéro)|nummer|kennung|nr)\.?$",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"^(?:(?:number|nombre) (?:of|de)|how many|anzahl|count)\b.+"
    r"|\b(?:quantity|qty|menge|anzahl|count|pieces|units|age|year|jahr|cantidad)$|^pages$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:dates?|deadline|birthday|dob|expiry|fecha|issued|issued on|valid until|fälligkeit|échéance)$|datum$"
    r"|^(?:date|datum|fecha|due|issued|valid until|expires|expiry|when)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:totals?|amounts?|prices?|tax(?:es)?|vat|mwst|ust|subtotal|sum|cost|fees?|balance|discount|salary|rate|"
    r"weight|percentage|percent|net|gross|netto|brutto|montant|importe|rabatt|value|shipping|freight|deposit|premium|rent)$"
    r"|(?:betrag|summe|preis|kosten)$"
    r"|^(?:totals?|amount|sum|price|cost|net|gross|how much|gesamt|montant|importe|prix|precio)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(r"^(?:is|has|have|are|was|were|does|whether)\b", re.IGNORECASE)
_LINE_ITEMS = re.compile(
    r"^(?:line ?items?|invoice (?:lines?|items?|positions?)|order (?:lines?|items?)|items|lines|positions|positionen|"
    r"articles|artikel|products|rows|rechnungspositionen|lignes|lineas|líneas)$",
    re.IGNORECASE,
)
_LIST = re.compile(r"^(?:a )?(?:list|array) of\b|^(?:list|array)$", re.IGNORECASE)
_ITEM_PARTS = tuple(AskedField(words) for words in ("description", "quantity", "unit price", "amount"))
_COMMA = re.compile(r"\s*[,;]\s*|\s+(?:and|und)\s+")


def type_of(field: AskedField) -> FieldType:
    """The user's own hint first, then the words of the name; text when nothing speaks for more."""
    hint = _hinted(field)
    if hint is not None:
        return hint
    name = " ".join(field.words.replace("_", " ").split())
    rules: tuple[tuple[re.Pattern[str], FieldType], ...] = (
        (_YES_NO, "boolean"),
        (_COUNT, "integer"),
        (_IDENTIFIER, "text"),
        (_DATE, "date"),
        (_NUMBER, "number"),
    )
    for pattern, kind in rules:
        if pattern.search(name):
            return kind
    return "text"


def item_parts(field: AskedField) -> tuple[AskedField, ...] | None:
    """The parts of each element when the field is a list: empty for plain texts; None when it is no list."""
    name = " ".join(field.words.replace("_", " ").split())
    if _LINE_ITEMS.match(name):
        listed = tuple(AskedField(part) for part in _COMMA.split(field.hint) if part)
        return listed if len(listed) > 1 else _ITEM_PARTS
    return () if _LIST.match(name) or _LIST.match(field.hint) else None


def _hinted(field: AskedField) -> FieldType | None:
    for remark in (field.hint, field.description):
        words = remark.casefold().removeprefix("as ").removeprefix("an ").removeprefix("a ").strip(" .")
        if words in _HINTS:
            return _HINTS[words]
    return None
