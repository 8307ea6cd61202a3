import json
from collections import Counter
from pathlib import Path

import pytest

from chassis.failures import FailureCode
from samples.build_pile import all_samples, build_pile
from samples.pile.sample import PROMPT


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pile")
    build_pile(folder)
    return folder


def test_the_pile_is_the_same_bytes_each_time(pile: Path, tmp_path: Path) -> None:
    build_pile(tmp_path)
    assert {path.name: path.read_bytes() for path in pile.iterdir()} == {
        path.name: path.read_bytes() for path in tmp_path.iterdir()
    }


def test_the_pile_has_many_documents_in_many_formats() -> None:
    formats = Counter(Path(sample.name).suffix for sample in all_samples())
    assert sum(formats.values()) >= 18
    assert len(formats) >= 8


def test_the_truth_names_every_document_and_known_codes_only(pile: Path) -> None:
    truth = json.loads((pile / "truth.json").read_text(encoding="utf-8"))
    assert set(truth["documents"]) == {path.name for path in pile.iterdir()} - {"truth.json"}
    assert {entry["error"] for entry in truth["documents"].values() if "error" in entry} <= set(FailureCode)
    names = [part.replace(" ", "_") for part in PROMPT.split(", ")]
    assert all(list(entry["fields"]) == names for entry in truth["documents"].values() if "fields" in entry)
