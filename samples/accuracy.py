"""Measure the builtin engine on the sample pile, or on any folder of documents with a truth.json, without any server.

`python samples/accuracy.py [FOLDER]` parses and extracts in this process and prints the score and every miss.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

if __name__ == "__main__":  # the script's own folder is on the path, its parent is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from extractor.domain.extraction import DocumentFault, JsonSchema
from extractor.domain.grounding import ground
from extractor.domain.schema import derive_schema
from extractor.engines.builtin import BuiltinEngine
from extractor.parse.formats import parse
from extractor.parse.limits import ParseLimits
from extractor.parse.source import Source
from samples.build_pile import DEFAULT, TRUTH, build_pile
from samples.score import Score, Truth, score


async def extract_all(paths: list[Path], schema: JsonSchema) -> tuple[dict[str, dict[str, Any] | str], int, float]:
    """Values or error code by name; how many values were ungrounded; seconds spent in the engine."""
    engine, results, ungrounded, seconds = BuiltinEngine(), cast("dict[str, dict[str, Any] | str]", {}), 0, 0.0
    for path in paths:
        try:
            document = parse(Source(path.name, path), ParseLimits())
        except DocumentFault as fault:
            results[path.name] = fault.code.value
            continue
        begun = time.perf_counter()
        extraction = await engine.extract(document, "", schema)
        seconds += time.perf_counter() - begun
        results[path.name] = extraction.values
        ungrounded += sum(not field.grounded for field in ground(extraction.values, extraction.citations, document))
    return results, ungrounded, seconds


def report(result: Score) -> str:
    """Figures, then one line for each miss."""
    lines = [
        f"fields right   {result.right} of {result.fields} ({result.share:.1%})",
        f"recall         {result.recall:.1%}",
        f"precision      {result.precision:.1%}",
        *(f"  {one.verdict}: {one.document} {one.field}: {one.expected!r}, got {one.found!r}" for one in result.misses),
    ]
    return "\n".join(lines)


def main() -> None:
    """Build the pile unless a folder is named, then print how well it goes."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if len(sys.argv) < 2:
        build_pile(folder)
    truth = cast("Truth", json.loads((folder / TRUTH).read_text(encoding="utf-8")))
    paths = sorted(path for path in folder.iterdir() if path.name != TRUTH)
    results, ungrounded, seconds = asyncio.run(extract_all(paths, derive_schema(truth["prompt"])))
    sys.stdout.write(
        f"{report(score(truth, results))}\nungrounded     {ungrounded}\nengine         {seconds * 1000:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
