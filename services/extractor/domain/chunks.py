"""Long documents: pages packed into chunks that fit one model call, and the answers put together again by rule."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from extractor.domain.extraction import Citation, Extraction
from extractor.domain.pages import Page
from extractor.domain.usage import total

Chunk = tuple[Page, ...]
Moves = dict[str, str]
"""JSON pointer in one answer → JSON pointer in the merged one."""


def chunks(pages: Sequence[Page], budget: int) -> list[Chunk]:
    """Pack pages, in order, into chunks of at most `budget` characters; a longer page is cut at line ends."""
    packed: list[Chunk] = []
    held: list[Page] = []
    size = 0
    for piece in (piece for page in pages for piece in _pieces(page, budget)):
        if held and size + len(piece.text) > budget:
            packed.append(tuple(held))
            held, size = [], 0
        held.append(piece)
        size += len(piece.text)
    return [*packed, tuple(held)] if held else packed


def _pieces(page: Page, budget: int) -> Iterator[Page]:
    rest = page.text
    while len(rest) > budget:
        cut = rest.rfind("\n", 1, budget) + 1 or budget
        yield Page(page.number, rest[:cut])
        rest = rest[cut:]
    yield page if rest is page.text else Page(page.number, rest)


def merge(answers: Sequence[Extraction]) -> Extraction:
    """Put the answers of consecutive chunks together: the first value found wins, lists are joined in order."""
    values: dict[str, Any] = {}
    citations: list[Citation] = []
    for answer in answers:
        moves: Moves = {}
        values = cast("dict[str, Any]", _merged(values, answer.values, "", moves))
        citations.extend(_moved(answer.citations, moves))
    return Extraction(values, tuple(citations), total(*(answer.usage for answer in answers)))


def _merged(old: Any, new: Any, path: str, moves: Moves) -> Any:
    if new is None:
        return old
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return _merged_objects(cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new), path, moves)
    if old is None:
        moves[path] = path
        return new
    if isinstance(old, list) and isinstance(new, list):
        kept, added = cast("list[Any]", old), cast("list[Any]", new)
        moves.update({f"{path}/{index}": f"{path}/{len(kept) + index}" for index in range(len(added))})
        return kept + added
    return cast("Any", old)


def _merged_objects(old: Mapping[str, Any], new: Mapping[str, Any], path: str, moves: Moves) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        merged[key] = _merged(merged.get(key), value, f"{path}/{key.replace('~', '~0').replace('/', '~1')}", moves)
    return merged


def _moved(citations: Sequence[Citation], moves: Moves) -> Iterator[Citation]:
    """Citations of the values that were taken, at their new places."""
    for citation in citations:
        prefix = citation.path
        while prefix and prefix not in moves:
            prefix = prefix.rpartition("/")[0]
        if prefix in moves:
            yield replace(citation, path=moves[prefix] + citation.path.removeprefix(prefix))
