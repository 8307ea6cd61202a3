"""Who a document is from and for when no label says so: defined terms of contracts, letterheads, senders of mail."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from extractor.engines.builtin.lexicon import Concept, lexicon
from extractor.engines.builtin.readers import read
from extractor.engines.builtin.sources import Source
from extractor.engines.builtin.titles import Role, head_cells, title_in, writer_of
from extractor.engines.builtin.tokens import words_of

_COMPANY = re.compile(
    r"(?<![A-Za-z])(?:GmbH|mbH|AG|KG|OHG|UG|e\.?K\.?|Ltd|Limited|LLC|LLP|Inc|Corp|Corporation|PLC|plc|Co|Company|"
    r"S\.?A\.?S?|S\.?A\.?R\.?L|SARL|SAS|S\.?L\.?U?|S\.?R\.?L|SpA|S\.p\.A|B\.?V|N\.?V|Oy|OÜ|AB|ApS|A/S|AS|"
    r"Pty|SE|Lda|sp\. z o\.o)\.?(?![A-Za-z])"
)
_DEFINED = re.compile(r"\(([^()]{3,60})\)")
_QUOTED = re.compile(r"[\"“”„'‘’«»]\s*(?:the |der |die |das )?([^\"“”„'‘’«»]{2,40}?)\s*[\"“”'‘’«»]", re.IGNORECASE)
_CLAUSE = re.compile(r"[;:.]\s|\b(?:between|and|by|with|zwischen|und|entre|et|y)\s+(?=[A-Z0-9ÄÖÜ])|\(\d\)\s")
_APPOSITION = re.compile(r",\s*(?!(?:Inc|Ltd|LLC|LLP|S\.|GmbH|Corp|Co\b|PLC|B\.V|N\.V)).*$", re.DOTALL)
_NOT_NAME = re.compile(
    r"@|www\.|https?:|\d{4,}|^\W*"
    r"(?:page|seite|tel|phone|fax|copy|original|duplicate|draft|welcome|thank|dear|hello|paid|overdue)\b",
    re.IGNORECASE,
)
_HEAD_LINES = 8
_HEAD_REACH = 160
_MAX_NAME_WORDS = 8


@dataclass(frozen=True, slots=True)
class FoundParty:
    """A name and the words it was read from."""

    name: str
    quote: str
    page: int


def defined_party(source: Source, concept: Concept) -> FoundParty | None:
    """`Acme Ltd, a company of …, (the "Supplier")`: contracts define their parties in brackets."""
    for page in source.document.pages[:3]:
        text = page.text.replace("\n", " ")
        for bracket in _DEFINED.finditer(text):
            terms = [words_of(term) for term in _QUOTED.findall(bracket[1])] or [words_of(bracket[1])[-1:]]
            if any(concept.rank(term) is not None for term in terms):
                name = _name_before(text[max(0, bracket.start() - _HEAD_REACH) : bracket.start()])
                if name:
                    return FoundParty(name, name, page.number)
    return None


def letterhead_party(source: Source, role: Role) -> FoundParty | None:
    """The name at the head of the first page belongs to who wrote it: the seller's invoice, the buyer's order."""
    if writer_of(source) != role:
        return None
    names = list(_head_names(source))
    return next((name for name in names if _COMPANY.search(name.name)), None) or next(iter(names), None)


def _head_names(source: Source) -> Iterator[FoundParty]:
    """Names above the first block that says whose it is."""
    for cells in head_cells(source, _HEAD_LINES):
        if any(_names_party(words_of(text)) for text in cells):
            return
        for text in cells:
            reading = read("party", text, source.habits)
            if reading is not None and _may_be_name(text, str(reading.value)):
                yield FoundParty(str(reading.value), text[reading.start : reading.end], 1)


def _may_be_name(cell: str, name: str) -> bool:
    words = words_of(name)
    if _NOT_NAME.search(cell) or ":" in cell or not 0 < len(words) <= _MAX_NAME_WORDS or not name[:1].isalnum():
        return False
    return title_in(words) is None and not _is_label(words)


def _names_party(words: tuple[str, ...]) -> bool:
    roles = (lexicon()[key] for key in ("supplier", "customer", "ship_to"))
    return any(concept.rank(words[:count]) == 0 for concept in roles for count in (1, 2, 3) if len(words) >= count)


def _is_label(words: tuple[str, ...]) -> bool:
    return any(
        concept.rank(words[:count]) is not None for concept in lexicon().values() for count in range(1, len(words) + 1)
    )


def _name_before(head: str) -> str | None:
    cuts = [
        cut.end()
        for cut in _CLAUSE.finditer(head)
        if not _COMPANY.fullmatch(head[: cut.start() + 1].rsplit(" ", maxsplit=1)[-1])
    ]
    clause = head[cuts[-1] if cuts else 0 :]
    name = _APPOSITION.sub("", clause).strip(" ,\"'“”")
    return name if 2 <= len(name) <= 80 and name[0].isalnum() else None
