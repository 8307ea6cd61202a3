"""The reviewed words of `lexicon.toml`, and what a field of a schema is called in documents."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, cast

from extractor.engines.builtin.tokens import words_of

Kind = Literal["id", "date", "money", "integer", "percent", "party", "currency", "email", "phone", "name", "text"]
Words = tuple[str, ...]

_ROW_ONLY = frozenset({"description", "quantity", "unit_price", "line_total", "sku", "position", "ship_to"})
LINE_CONCEPTS = ("description", "quantity", "unit_price", "line_total", "sku", "position", "tax_rate", "tax", "date")


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing documents speak of."""

    key: str
    kind: Kind
    labels: tuple[tuple[Words, ...], ...]
    """Ranks of labels, the surest first."""
    asked: tuple[Words, ...] = ()
    prose: bool = False

    def rank(self, words: Words) -> int | None:
        """The rank of a label, from 0; None when it is none of this concept."""
        return next((rank for rank, labels in enumerate(self.labels) if words in labels), None)


@lru_cache(maxsize=1)
def lexicon() -> Mapping[str, Concept]:
    """All concepts by their key, read once."""
    text = files("extractor.engines.builtin").joinpath("lexicon.toml").read_text(encoding="utf-8")
    return {key: _concept(key, entry) for key, entry in tomllib.loads(text).items()}


def concept_named(*names: str) -> Concept | None:
    """The concept that the first of these names is known to ask for."""
    return next((found for name in names if (found := _asked_for().get(words_of(name))) is not None), None)


def own_concept(key: str, kind: Kind, names: Iterable[str]) -> Concept:
    """A field the lexicon does not know: the document must use the user's own words."""
    labels = tuple(dict.fromkeys(words for name in names if (words := words_of(name))))
    return Concept(f"own:{key}", kind, (labels,))


def line_concept_named(*names: str) -> Concept | None:
    """As `concept_named`, for the parts of line items, where `total` is the row's."""
    wanted = [words_of(name) for name in names]
    return next((concept for words in wanted for concept in _line_concepts() if _answers(concept, words)), None)


def _answers(concept: Concept, words: Words) -> bool:
    return words in concept.asked or concept.rank(words) is not None or words == words_of(concept.key)


def _line_concepts() -> tuple[Concept, ...]:
    return tuple(lexicon()[key] for key in LINE_CONCEPTS)


@lru_cache(maxsize=1)
def _asked_for() -> Mapping[Words, Concept]:
    """Names by concept; of two concepts with one name, the one that comes first in the file."""
    names: dict[Words, Concept] = {}
    for tier in (_keys, _surest, _requested, _rest):
        for concept in lexicon().values():
            if concept.key in _ROW_ONLY and tier is not _keys:
                continue
            for words in tier(concept):
                names.setdefault(words, concept)
    return names


def _keys(concept: Concept) -> tuple[Words, ...]:
    return (words_of(concept.key),)


def _surest(concept: Concept) -> tuple[Words, ...]:
    return concept.labels[0]


def _requested(concept: Concept) -> tuple[Words, ...]:
    return concept.asked


def _rest(concept: Concept) -> tuple[Words, ...]:
    return tuple(words for rank in concept.labels[1:] for words in rank)


def _concept(key: str, entry: Mapping[str, Any]) -> Concept:
    labels = cast("list[list[str]]", entry["labels"])
    return Concept(
        key,
        cast("Kind", entry["kind"]),
        tuple(tuple(words_of(label) for label in rank) for rank in labels),
        tuple(words_of(name) for name in cast("list[str]", entry.get("asked", []))),
        bool(entry.get("prose", False)),
    )
