import asyncio
import json
from pathlib import Path
from typing import cast

from extractor.domain.schema import derive_schema
from samples.accuracy import extract_all
from samples.build_pile import build_pile
from samples.score import Truth, score


def test_nine_in_ten_fields_of_the_pile_are_right_through_the_real_parsers(tmp_path: Path) -> None:
    paths = build_pile(tmp_path)
    truth = cast("Truth", json.loads((tmp_path / "truth.json").read_text(encoding="utf-8")))
    results, ungrounded, _ = asyncio.run(extract_all(paths, derive_schema(truth["prompt"])))
    result = score(truth, results)
    assert result.share >= 0.9, result.misses
    assert [miss for miss in result.misses if miss.field == "error"] == []
    assert ungrounded == 0
