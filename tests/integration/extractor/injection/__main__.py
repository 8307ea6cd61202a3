"""`python -m tests.integration.extractor.injection`: what documents that give orders achieve, engine by engine."""

import asyncio
import sys
import tempfile
from pathlib import Path

from extractor.engines.builtin.engine import BuiltinEngine
from tests.integration.extractor.injection.attack import End, Tried, attack, summary
from tests.integration.extractor.injection.corpus import CORPUS
from tests.integration.extractor.injection.gullible import gullible


async def main() -> None:
    """Try the corpus on both engines."""
    with tempfile.TemporaryDirectory() as folder:
        _tell("builtin", await attack(BuiltinEngine(), Path(folder), CORPUS))
        async with gullible() as (_, engine):
            _tell("openai, a model that obeys every document", await attack(engine, Path(folder), CORPUS))


def _tell(engine: str, tried: list[Tried]) -> None:
    moved = sorted(one.injected.name for one in tried if one.end is End.MOVED)
    sys.stdout.write(f"{engine}: {summary(tried)}\n" + "".join(f"    moved by {name}\n" for name in moved))


if __name__ == "__main__":
    asyncio.run(main())
