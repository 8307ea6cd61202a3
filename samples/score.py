"""How much of the truth the results hold, field by field."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, cast

Verdict = Literal["right", "missed", "wrong", "invented"]
_CENT = 0.005


class Truth(TypedDict):
    """What `truth.json` holds."""

    prompt: str
    documents: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Miss:
    """A field, or a document's error, that is not as the truth has it."""

    document: str
    field: str
    expected: Any
    found: Any
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over all fields of readable documents; a rightly empty field counts as right."""

    fields: int
    right: int
    valued: int
    """Fields that the truth has a value for."""
    found: int
    """Values the results hold for them, right or wrong, and values invented."""
    hits: int
    """Values found that are right."""
    misses: tuple[Miss, ...]

    @property
    def share(self) -> float:
        """Of fields that are right; 1 when there are none."""
        return self.right / self.fields if self.fields else 1.0

    @property
    def recall(self) -> float:
        """Of the truth's values, the share found."""
        return self.hits / self.valued if self.valued else 1.0

    @property
    def precision(self) -> float:
        """Of the values found, the share that is right."""
        return self.hits / self.found if self.found else 1.0


def score(truth: Truth, results: Mapping[str, Mapping[str, Any] | str]) -> Score:
    """Compare results with the truth.

    `results` maps a document's name to its values, or to the code of the error it ended in; a document that is absent
    counts as empty.
    """
    misses: list[Miss] = []
    fields = right = valued = found = hits = 0
    for name, entry in truth["documents"].items():
        result = results.get(name, {})
        if "error" in entry:
            misses.extend(_error_miss(name, str(entry["error"]), result))
            continue
        values: Mapping[str, Any] = {} if isinstance(result, str) else result
        for field, expected in cast("dict[str, Any]", entry["fields"]).items():
            verdict = judge(expected, values.get(field))
            fields, right = fields + 1, right + (verdict == "right")
            valued, found = valued + (expected is not None), found + (values.get(field) is not None)
            hits += verdict == "right" and expected is not None
            if verdict != "right":
                misses.append(Miss(name, field, expected, values.get(field), verdict))
    return Score(fields, right, valued, found, hits, tuple(misses))


def judge(expected: Any, found: Any) -> Verdict:
    """Numbers to the cent, texts without regard to case, accents of spelling and punctuation."""
    if expected is None:
        return "right" if found is None else "invented"
    if found is None:
        return "missed"
    return "right" if _same(expected, found) else "wrong"


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return abs(expected - found) < _CENT
    return _plain(str(expected)) == _plain(str(found))


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in composed if letter.isalnum())


def _error_miss(name: str, expected: str, result: Mapping[str, Any] | str) -> list[Miss]:
    if result == expected:
        return []
    return [Miss(name, "error", expected, result if isinstance(result, str) else "a result", "wrong")]
