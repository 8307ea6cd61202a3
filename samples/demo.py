"""The demo: the sample pile through a running Quire, told as it happens.

`make demo` runs it once the stack is up. By hand it needs QUIRE_ENDPOINT, QUIRE_UPLOAD_ENDPOINT and QUIRE_API_KEY.
Leaves with 1 when fewer than nine in ten fields are right, with 2 when Quire cannot be used.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

if __name__ == "__main__":  # the script's own folder is on the path, its parent is not
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from quire.batch.v1.batch_pb2 import Batch
from quire_client import Progress, QuireClient, QuireError, Result
from samples.build_pile import DEFAULT, TRUTH, build_pile
from samples.demo_views import Live, addresses_of, counters_of, errors_of, fields_of, open_console, score_of
from samples.score import Score, Truth, score

ENOUGH = 0.9


def main() -> None:
    """Run the demo; a failure is told in a line with its way out."""
    console = open_console()
    try:
        result = asyncio.run(run(console, DEFAULT))
    except QuireError as error:
        console.print(f"[red]{error.message}[/red]\n{error.way_out}")
        sys.exit(2)
    sys.exit(0 if result.share >= ENOUGH else 1)


async def run(console: Console, folder: Path) -> Score:
    """Build, submit, watch, show."""
    paths = build_pile(folder)
    truth = cast("Truth", json.loads((folder / TRUTH).read_text(encoding="utf-8")))
    console.print(f"[bold]{len(paths)} documents[/bold] in {folder}; asked for: [cyan]{truth['prompt']}[/cyan]\n")
    async with QuireClient.from_environment() as quire:
        begun = time.monotonic()
        batch = await follow(console, quire, paths, truth["prompt"])
        seconds = time.monotonic() - begun
        results = [result async for result in quire.results(batch.id, include_errors=True)]
    return show(console, batch, results, truth, seconds)


async def follow(console: Console, quire: QuireClient, paths: list[Path], prompt: str) -> Batch:
    """Submit the pile and draw every snapshot until the batch is final."""
    with Live(console) as live:

        def uploaded(progress: Progress) -> None:
            live.uploaded(progress.uploaded, progress.files)

        batch = await quire.submit(paths, prompt=prompt, name="Sample pile", on_progress=uploaded)
        async for snapshot in quire.watch(batch.id):
            batch = snapshot.batch
            live.snapshot(batch)
    return batch


def show(console: Console, batch: Batch, results: list[Result], truth: Truth, seconds: float) -> Score:
    """Print what came out, what did not, and how right it is."""
    result = score(truth, {one.name: outcome_of(one) for one in results})
    console.print(fields_of([one for one in results if one.status == "SUCCEEDED"], truth))
    console.print(counters_of(batch))
    console.print(errors_of(batch, results))
    console.print(score_of(result, seconds))
    console.print(addresses_of(batch.id), soft_wrap=True)
    return result


def outcome_of(result: Result) -> dict[str, Any] | str:
    """The values, or the code of the error."""
    return result.error.code if result.error is not None else dict(result.values)


if __name__ == "__main__":
    main()
