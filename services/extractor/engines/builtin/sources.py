"""A document made ready to be searched: grids, the labels in them, its habits, its item tables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from extractor.domain.amounts import decimal_mark
from extractor.domain.currencies import find_currencies
from extractor.domain.dates import DateOrder, date_order
from extractor.domain.pages import ParsedDocument
from extractor.engines.builtin.grids import Grid, grids_of
from extractor.engines.builtin.labels import Label, Phrases, find_labels
from extractor.engines.builtin.lexicon import Words, lexicon
from extractor.engines.builtin.readers import Habits

_ITEM_SIGNS = ("description", "quantity", "unit_price", "position", "sku")
_RECORD_SIGNS = ("invoice_number", "order_number", "receipt_number", "supplier", "customer")
_DOLLAR_HABIT = frozenset({"USD"})


@dataclass(frozen=True)
class Source:
    """What the search reads from; each view is worked out once."""

    document: ParsedDocument
    known: Phrases

    @cached_property
    def grids(self) -> tuple[Grid, ...]:
        """Tables and lines of all pages."""
        return tuple(grid for page in self.document.pages for grid in grids_of(page))

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Every place where a label stands, in reading order."""
        return tuple(label for grid in self.grids for label in find_labels(grid, self.known))

    @cached_property
    def labels_by_words(self) -> Mapping[Words, list[Label]]:
        """The same by their words."""
        grouped: dict[Words, list[Label]] = {}
        for label in self.labels:
            grouped.setdefault(label.words, []).append(label)
        return grouped

    @cached_property
    def label_cells(self) -> frozenset[tuple[int, int, int]]:
        """Cells that are labels themselves, so never a value."""
        return frozenset(
            (id(label.grid), label.row, label.cell.start)
            for label in self.labels
            if label.leads and (label.colon or not label.rest)
        )

    @cached_property
    def labels_in_row(self) -> Mapping[tuple[int, int], list[Label]]:
        """The same by grid and row."""
        grouped: dict[tuple[int, int], list[Label]] = {}
        for label in self.labels:
            grouped.setdefault((id(label.grid), label.row), []).append(label)
        return grouped

    @cached_property
    def item_headers(self) -> frozenset[tuple[int, int]]:
        """Header rows of item tables, by grid and row."""
        return frozenset(place for place, labels in self.labels_in_row.items() if is_item_header(labels))

    @cached_property
    def currencies(self) -> Mapping[str, tuple[int, str]]:
        """Every currency of the document with the page and words that name it first."""
        found: dict[str, tuple[int, str]] = {}
        for page in self.document.pages:
            for currency in find_currencies(page.text):
                quote = page.text[currency.start : currency.end]
                found.setdefault(currency.code, (page.number, quote))
        return found

    @cached_property
    def habits(self) -> Habits:
        """How the document writes numbers and dates."""
        texts = [page.text for page in self.document.pages]
        mark = decimal_mark(texts)
        return Habits(mark, date_order(texts) or self._likely_order(mark))

    def _likely_order(self, mark: str | None) -> DateOrder | None:
        """Without a date that proves its order, the money tells the region; else dates that need one stay unread."""
        if mark == ",":
            return DateOrder.DAY_FIRST
        if not self.currencies:
            return None
        return DateOrder.MONTH_FIRST if set(self.currencies) <= _DOLLAR_HABIT else DateOrder.DAY_FIRST


def is_item_header(labels: Iterable[Label]) -> bool:
    """At least two columns that only items have, and none that names the document itself."""
    words = [label.words for label in labels if label.fills_cell]
    return _count(words, _ITEM_SIGNS) >= 2 and _count(words, _RECORD_SIGNS) == 0


def _count(words: list[Words], keys: tuple[str, ...]) -> int:
    concepts = [lexicon()[key] for key in keys]
    return sum(any(concept.rank(each) == 0 for each in words) for concept in concepts)


def iter_lines(source: Source, pages: int) -> Iterator[tuple[Grid, int]]:
    """Rows of running text of the first pages."""
    for grid in source.grids:
        if not grid.is_table and grid.page <= pages:
            yield from ((grid, number) for number in range(len(grid.rows)))
