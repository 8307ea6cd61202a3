"""Filling a schema from a document: labels first, then the few rules for what needs none."""

import re
from collections.abc import Iterator
from typing import Any

from extractor.domain.dates import find_dates
from extractor.domain.extraction import Citation, Extraction, JsonSchema
from extractor.domain.pages import ParsedDocument
from extractor.engines.builtin.fitting import fitted
from extractor.engines.builtin.items import find_rows
from extractor.engines.builtin.labels import phrases
from extractor.engines.builtin.lexicon import Concept, lexicon
from extractor.engines.builtin.parties import defined_party, letterhead_party
from extractor.engines.builtin.search import Candidate, Place, best, candidates
from extractor.engines.builtin.sources import Source, iter_lines
from extractor.engines.builtin.titles import Role, is_invoice, writer_of
from extractor.engines.builtin.wanted import Part, Unfillable, Wanted, WantedRows, wanted_parts

_MAIL = "message/rfc822"
_ENVELOPE = {("from",): 0, ("to",): 1, ("von",): 0, ("an",): 1}
_BARE_NUMBER = Concept("bare_number", "id", (tuple((word,) for word in ("no", "nr", "number", "nummer", "n", "num")),))
_ALONE = 24
_CLOCK = re.compile(r"[\s.,T]*(?:at |um )?(?:\d{1,2}:\d{2}(?::\d{2})?\s*(?:am|pm|uhr)?)?[\s.]*", re.IGNORECASE)
_DATE_LINES = 12


def fill(document: ParsedDocument, schema: JsonSchema) -> Extraction:
    """Every value the document says, with its quote; null for the rest."""
    parts = wanted_parts(schema)
    source = Source(document, phrases(_own_concepts(parts)))
    values: dict[str, Any] = {}
    citations: list[Citation] = []
    for part in parts:
        _place(values, part.path, _empty(part))
        match part:
            case Wanted():
                citations.extend(_fill_scalar(source, part, values))
            case WantedRows():
                citations.extend(_fill_rows(source, part, values))
            case Unfillable():
                pass
    return Extraction(values, tuple(citations))


def _empty(part: Part) -> list[Any] | None:
    match part:
        case Wanted():
            return None
        case WantedRows():
            return None if part.nullable else []
        case Unfillable():
            return part.value


def _own_concepts(parts: tuple[Part, ...]) -> list[Concept]:
    """Concepts made of the user's own words, in lists too."""
    scalars = [part for part in parts if isinstance(part, Wanted)]
    columns = [column for part in parts if isinstance(part, WantedRows) for column in part.columns]
    return [one.concept for one in (*scalars, *columns) if one.concept.key.startswith("own:")]


def _fill_scalar(source: Source, field: Wanted, values: dict[str, Any]) -> Iterator[Citation]:
    found = _find(source, field)
    value = fitted(found.value, found.words, field.node) if found else None
    if found is None or value is None:
        return
    _place(values, field.path, value)
    yield Citation(_pointer(field.path), found.quote, found.page)


def _fill_rows(source: Source, field: WantedRows, values: dict[str, Any]) -> Iterator[Citation]:
    rows = find_rows(source, field)
    if not rows:
        return
    _place(values, field.path, [row.values for row in rows])
    for index, row in enumerate(rows):
        for name, quote in row.quotes.items():
            if row.values[name] is not None:
                yield Citation(_pointer((*field.path, str(index), name)), quote, row.page)


def _find(source: Source, field: Wanted) -> Candidate | None:
    match field.concept.key:
        case "supplier" | "customer" as role:
            return _find_party(source, field, role)
        case "currency":
            return _find_labelled(source, field) or _currency_of_document(source)
        case "invoice_number":
            return _find_labelled(source, field) or _number_of_invoice(source)
        case "date":
            return _find_labelled(source, field) or _date_alone(source)
        case _:
            return _find_labelled(source, field)


def _find_labelled(source: Source, field: Wanted) -> Candidate | None:
    return best(candidates(source, field.concept, field.kind), field.kind)


def _number_of_invoice(source: Source) -> Candidate | None:
    """Under the title `Invoice`, a bare `No.` on the first page is the invoice's."""
    if not is_invoice(source):
        return None
    found = candidates(source, _BARE_NUMBER, "id")
    return best([one for one in found if one.page == 1 and one.place is not Place.BELOW], "id")


def _find_party(source: Source, field: Wanted, role: Role) -> Candidate | None:
    """In mail, sender and receiver are who the content makes them, so their headers are set aside."""
    found = candidates(source, field.concept, field.kind)
    if source.document.media_type == _MAIL:
        found = [one for one in found if not _is_envelope(one)]
        labelled = best(found, field.kind)
        return labelled or _correspondent(source, field, role)
    labelled = best(found, field.kind)
    if labelled is not None:
        return labelled
    party = defined_party(source, field.concept) or letterhead_party(source, role)
    if party is None:
        return None
    return Candidate(party.name, party.name, party.quote, party.page, 0, Place.SAME_CELL, 0, sure=True)


def _is_envelope(candidate: Candidate) -> bool:
    return candidate.quote.split(":")[0].strip().casefold() in {words[0] for words in _ENVELOPE}


def _correspondent(source: Source, field: Wanted, role: Role) -> Candidate | None:
    """Who wrote the mail is known from what it says; the other side is who received it."""
    writer = writer_of(source)
    if writer is None:
        return None
    wanted = 0 if writer == role else 1
    both = [lexicon()["supplier"], lexicon()["customer"]]
    found = [one for concept in both for one in candidates(source, concept, field.kind) if _is_envelope(one)]
    return next((one for one in found if _ENVELOPE[one.quote.split(":")[0].strip().casefold(),] == wanted), None)


def _currency_of_document(source: Source) -> Candidate | None:
    """The currency beside the total, else the only one the document names."""
    total = lexicon()["total"]
    amount = best([one for one in candidates(source, total, "money") if one.currency], "money")
    if amount is not None:
        return Candidate(amount.currency, amount.words, amount.quote, amount.page, 0, amount.place, 0, sure=True)
    if len(source.currencies) != 1:
        return None
    code, (page, quote) = next(iter(source.currencies.items()))
    return Candidate(code, quote, quote, page, 0, Place.SAME_CELL, 0, sure=False)


def _date_alone(source: Source) -> Candidate | None:
    """A letter bears its date alone in a line, perhaps after a town; with two such dates neither is taken."""
    found: dict[str, Candidate] = {}
    for grid, number in iter_lines(source, pages=1):
        if number >= _DATE_LINES:
            break
        for cell in grid.rows[number].cells:
            dates = list(find_dates(cell.text, source.habits.order))
            if len(dates) == 1 and dates[0].start <= _ALONE and _CLOCK.fullmatch(cell.text, dates[0].end):
                day, words = dates[0].day.isoformat(), cell.text[dates[0].start : dates[0].end]
                found[day] = Candidate(day, words, cell.text, 1, 0, Place.SAME_CELL, 0, sure=False)
    return next(iter(found.values())) if len(found) == 1 else None


def _place(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)
