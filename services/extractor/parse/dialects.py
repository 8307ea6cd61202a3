"""Which character separates the cells of a delimited text."""

import csv
from collections import Counter

_DELIMITERS = "\t;|,"
_SAMPLE = 64 << 10
_EVEN = 0.9


def delimiter_of(text: str) -> str | None:
    """The separator that cuts nine lines of ten into the same number of cells, at least two; None when none does."""
    lines = text[:_SAMPLE].splitlines()[:200]
    scores = [(score, delimiter) for delimiter in _DELIMITERS if (score := _evenness(lines, delimiter)) >= _EVEN]
    return max(scores, key=lambda scored: scored[0])[1] if len(lines) > 1 and scores else None


def best_delimiter(text: str) -> str:
    """The same for a text known to be delimited, however ragged; a comma when it has one column."""
    lines = text[:_SAMPLE].splitlines()[:200]
    score, delimiter = max(((_evenness(lines, delimiter), delimiter) for delimiter in _DELIMITERS), key=lambda s: s[0])
    return delimiter if score > 0 else ","


def _evenness(lines: list[str], delimiter: str) -> float:
    """The share of lines that have the usual number of cells; 0 when that number is one."""
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:
        return 0.0
    width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
    return count / widths.total() if width > 1 else 0.0
