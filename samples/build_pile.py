"""Build the sample pile: `python samples/build_pile.py [--out DIR]`.

Writes the documents and `truth.json`, the same bytes each time.
"""

import argparse
import json
import sys
from pathlib import Path

if __name__ == "__main__":  # the script's own folder is on the path, its parent is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.pile import invoices, office, texts, unreadable
from samples.pile.sample import PROMPT, Sample

DEFAULT = Path("build/samples")
TRUTH = "truth.json"


def all_samples() -> list[Sample]:
    """Every document, in the order of its name."""
    makers = (*invoices.ALL, *office.ALL, *texts.ALL, *unreadable.ALL)
    return sorted((make() for make in makers), key=lambda sample: sample.name)


def build_pile(folder: Path) -> list[Path]:
    """Write the documents and the truth; answers the documents' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = all_samples()
    for sample in samples:
        (folder / sample.name).write_bytes(sample.content)
    truth = {"prompt": PROMPT, "documents": {sample.name: sample.truth for sample in samples}}
    (folder / TRUTH).write_text(json.dumps(truth, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [folder / sample.name for sample in samples]


def main() -> None:
    """Read the command line and say what was written."""
    parser = argparse.ArgumentParser(description="Build the sample pile.")
    parser.add_argument("--out", type=Path, default=DEFAULT, help=f"folder to write to (default: {DEFAULT})")
    folder = parser.parse_args().out
    paths = build_pile(folder)
    sys.stdout.write(f"{len(paths)} documents and {TRUTH} in {folder}\n")


if __name__ == "__main__":
    main()
